// Writes the rights of the robot and the cloud as AWS IoT policies and as an access control list for Mosquitto. A `+` in the prefix stands
// for the robot's name. AWS replaces it with the thing of the certificate, Mosquitto with the common name of the certificate.
import { CLOUD_RIGHTS, type Rights, ROBOT_RIGHTS, type Topics } from '../../../src/wire/index.ts';

/** Each instance appends random characters, because the broker disconnects a client when another connects with the same id. */
export const CLIENT_ID_PREFIX = 'elderly-bot-cloud-';

/** The shared subscription that distributes the robots' messages among the instances. */
export const SHARE = '$share/ingest/';

/** The thing that the certificate is attached to. A certificate without a thing has no rights. */
const THING = `\${iot:Connection.Thing.ThingName}`;

export interface PolicyOptions {
  /** The AWS region, for example `eu-central-1`. */
  readonly region: string;
  /** The AWS account: twelve digits. */
  readonly account: string;
  /** `elderly_bot`, or `fleet/+` for several robots. */
  readonly prefix: string;
}

interface Statement {
  readonly Effect: 'Allow';
  readonly Action: string;
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, unknown>>;
}

export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** One policy for all robots. A robot can connect only under its own name, and can use only the topics under its prefix. */
export function robotPolicy({ region, account, prefix }: PolicyOptions): Policy {
  const arns = arnsOf(region, account);
  const own = prefix.replace('+', THING);
  return policy([
    {
      ...allow('iot:Connect', arns('client', [THING])),
      Condition: { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } },
    },
    allow('iot:Publish', arns('topic', topics(ROBOT_RIGHTS.publish, own))),
    allow('iot:Subscribe', arns('topicfilter', topics(ROBOT_RIGHTS.subscribe, own))),
    allow('iot:Receive', arns('topic', topics(ROBOT_RIGHTS.subscribe, own))),
  ]);
}

/**
 * In a policy, `+` matches only the character `+` of a topic filter, and `*` matches any text. Only the shared subscription is allowed,
 * because a plain one would deliver every message to every instance.
 */
export function cloudPolicy({ region, account, prefix }: PolicyOptions): Policy {
  const arns = arnsOf(region, account);
  const any = prefix.replace('+', '*');
  const received = topics(CLOUD_RIGHTS.subscribe, any);
  return policy([
    allow('iot:Connect', arns('client', [`${CLIENT_ID_PREFIX}*`])),
    allow('iot:Publish', arns('topic', topics(CLOUD_RIGHTS.publish, any))),
    allow('iot:Subscribe', arns('topicfilter', shared(topics(CLOUD_RIGHTS.subscribe, prefix)))),
    // The examples of AWS list both forms.
    allow('iot:Receive', arns('topic', [...received, ...shared(received)])),
  ]);
}

/**
 * The content of `acl_file`. The broker needs `use_identity_as_username true`, which makes a certificate's common name its user.
 * @param thing the robot's name, if the prefix has no `+`.
 */
export function mosquittoAcl({ prefix, thing }: { readonly prefix: string; readonly thing: string }): string {
  const robot = prefix.includes('+')
    ? ['# Each robot, under the name in its certificate.', ...lines('pattern', ROBOT_RIGHTS, prefix.replace('+', '%u'))]
    : [`user ${thing}`, ...lines('topic', ROBOT_RIGHTS, prefix)];
  return [
    '# Written by `elderly-bot-cloud policies mosquitto`. All other users have no rights.',
    '',
    'user elderly-bot-cloud',
    ...lines('topic', CLOUD_RIGHTS, prefix),
    '',
    ...robot,
    '',
  ].join('\n');
}

function lines(word: 'topic' | 'pattern', { publish, subscribe }: Rights, prefix: string): string[] {
  return [
    ...topics(publish, prefix).map((topic) => `${word} write ${topic}`),
    ...topics(subscribe, prefix).map((topic) => `${word} read ${topic}`),
  ];
}

function topics(names: readonly (keyof Topics)[], prefix: string): string[] {
  return names.map((name) => `${prefix}/${name}`);
}

function shared(filters: readonly string[]): string[] {
  return filters.map((filter) => `${SHARE}${filter}`);
}

function arnsOf(region: string, account: string): (kind: 'client' | 'topic' | 'topicfilter', names: readonly string[]) => string[] {
  return (kind, names) => names.map((name) => `arn:aws:iot:${region}:${account}:${kind}/${name}`);
}

function allow(action: string, resources: readonly string[]): Statement {
  return { Effect: 'Allow', Action: action, Resource: resources };
}

function policy(statements: readonly Statement[]): Policy {
  return { Version: '2012-10-17', Statement: statements };
}
