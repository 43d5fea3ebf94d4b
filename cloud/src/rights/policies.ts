// The rights of robot and cloud in two languages: AWS IoT policies and Mosquitto's access control list. A prefix with `+` in it has a
// robot's name there; AWS puts it in for the certificate's thing, Mosquitto for the certificate's common name.
import { CLOUD_RIGHTS, type Rights, ROBOT_RIGHTS, type Topics } from '../../../src/wire/index.ts';
import { CLIENT_ID_PREFIX, SHARE } from './names.ts';

/** The thing that a certificate is attached to. Nothing is allowed where it is attached to none. */
const THING = `\${iot:Connection.Thing.ThingName}`;

export interface PolicyOptions {
  /** Such as `eu-central-1`. */
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
  /** `elderly_bot`, or `fleet/+` for several robots. */
  readonly prefix: string;
}

export interface AclOptions {
  readonly prefix: string;
  /** The robot's name, where the prefix has no place for one. */
  readonly thing: string;
  /** The common name in the cloud's certificate. */
  readonly cloud?: string;
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

/** One policy for all robots: each connects under its own name only, and only there may it publish and hear. */
export function robotPolicy({ region, account, prefix }: PolicyOptions): Policy {
  const arn = arnOf(region, account);
  const own = prefix.replace('+', THING);
  return policy([
    {
      ...allow('iot:Connect', [arn('client', THING)]),
      Condition: { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } },
    },
    allow(
      'iot:Publish',
      topics(ROBOT_RIGHTS.publish, own).map((topic) => arn('topic', topic)),
    ),
    allow(
      'iot:Subscribe',
      topics(ROBOT_RIGHTS.hear, own).map((topic) => arn('topicfilter', topic)),
    ),
    allow(
      'iot:Receive',
      topics(ROBOT_RIGHTS.hear, own).map((topic) => arn('topic', topic)),
    ),
  ]);
}

/**
 * In a policy `+` is a letter like any other, which is what a filter is compared with, and `*` is any text. IoT Core shares
 * subscriptions, so the plain filter, which would make each instance hear everything, is not allowed.
 */
export function cloudPolicy({ region, account, prefix }: PolicyOptions): Policy {
  const arn = arnOf(region, account);
  const any = prefix.replace('+', '*');
  const heard = topics(CLOUD_RIGHTS.hear, any);
  return policy([
    allow('iot:Connect', [arn('client', `${CLIENT_ID_PREFIX}*`)]),
    allow(
      'iot:Publish',
      topics(CLOUD_RIGHTS.publish, any).map((topic) => arn('topic', topic)),
    ),
    allow(
      'iot:Subscribe',
      topics(CLOUD_RIGHTS.hear, prefix).map((topic) => arn('topicfilter', `${SHARE}${topic}`)),
    ),
    // AWS's own examples name both forms.
    allow(
      'iot:Receive',
      [...heard, ...heard.map((topic) => `${SHARE}${topic}`)].map((topic) => arn('topic', topic)),
    ),
  ]);
}

/** For `acl_file`, with `use_identity_as_username true`, so that a certificate's common name is its user. */
export function mosquittoAcl({ prefix, thing, cloud = 'elderly-bot-cloud' }: AclOptions): string {
  const named = prefix.includes('+');
  const robot = named ? patterns(prefix.replace('+', '%u')) : ['', `user ${thing}`, ...lines('topic', ROBOT_RIGHTS, prefix)];
  return [
    '# Written by `elderly-bot-cloud policies mosquitto`; whoever is not named may do nothing.',
    '',
    `user ${cloud}`,
    ...lines('topic', CLOUD_RIGHTS, prefix),
    ...robot,
    '',
  ].join('\n');
}

function patterns(prefix: string): string[] {
  return ['', '# Each robot, under the name in its certificate.', ...lines('pattern', ROBOT_RIGHTS, prefix)];
}

function lines(word: 'topic' | 'pattern', { publish, hear }: Rights, prefix: string): string[] {
  return [
    ...topics(publish, prefix).map((topic) => `${word} write ${topic}`),
    ...topics(hear, prefix).map((topic) => `${word} read ${topic}`),
  ];
}

function topics(names: readonly (keyof Topics)[], prefix: string): string[] {
  return names.map((name) => `${prefix}/${name}`);
}

function arnOf(region: string, account: string): (kind: 'client' | 'topic' | 'topicfilter', name: string) => string {
  return (kind, name) => `arn:aws:iot:${region}:${account}:${kind}/${name}`;
}

function allow(action: string, resources: readonly string[]): Statement {
  return { Effect: 'Allow', Action: action, Resource: resources };
}

function policy(statements: readonly Statement[]): Policy {
  return { Version: '2012-10-17', Statement: statements };
}
