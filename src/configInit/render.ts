// Writes a proposal as the YAML of a configuration file, with comments for the person who checks it. Pure.
import { type Config, publicationsOf } from '../config/index.ts';
import type { Proposal, ProposedChannel } from './propose.ts';
import { ROLES, type Role } from './roles.ts';
import { described, type FoundTopic } from './topic.ts';

export interface RenderOptions {
  readonly thing: string;
  readonly endpoint: string;
  /** Path of the JSON schema, relative to the new file's directory. */
  readonly schema: string;
  readonly domainId: number;
  readonly stateDir: string;
  readonly namespace: string | undefined;
  /** Origin of the cloud API. If undefined, cameras are written as comments, because they need it. */
  readonly api: string | undefined;
  /** The default configuration, which the new file overrides. */
  readonly defaults: Pick<Config, 'state_dir' | 'commands'>;
}

/** The consequence if a robot has no sensor for a channel. */
const LOST: Readonly<Record<Role, string>> = {
  gas: 'nobody will be warned of gas',
  fire: 'nobody will be warned of a fire',
  fall: 'nobody will be warned of a fall',
  stranger: 'nobody will be warned of a stranger',
  battery: 'nobody will be warned of an empty battery',
  temperature: 'the cloud will show no temperature',
};

export function render(proposal: Proposal, options: RenderOptions): string {
  const { thing, endpoint, schema, domainId, stateDir, api, defaults } = options;
  const lines = [
    `# yaml-language-server: $schema=${schema}`,
    `# Written by \`elderly-bot config init\` from the topics of ROS domain ${domainId}. It contains only differences from config/default.yaml,`,
    '# which explains every key. Read the comments below, then run `elderly-bot config check FILE` and `elderly-bot doctor --config FILE`.',
    `thing: ${scalar(thing)}`,
    ...(thing === 'elderly-bot'
      ? []
      : ['# Several robots on one account need different prefixes.', `topic_prefix: ${scalar(`fleet/${thing}`)}`]),
    ...(stateDir === defaults.state_dir ? [] : [`# In place of the default, ${defaults.state_dir}.`, `state_dir: ${scalar(stateDir)}`]),
    '',
    'mqtt:',
    '  # In AWS: aws iot describe-endpoint --endpoint-type iot:Data-ATS',
    `  endpoint: ${scalar(endpoint)}`,
    ...rosLines(options),
    ...(api === undefined ? [] : ['', 'uploads:', `  api: ${scalar(api)}`]),
    ...cameraLines(proposal, api),
    '',
    'channels:',
    ...ROLES.flatMap((role) => roleLines(role, proposal)),
    ...proposal.channels.filter(({ name }) => !isRole(name)).flatMap(channelLines),
    ...otherLines(proposal.others),
  ];
  return `${lines.join('\n')}\n`;
}

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

function roleLines(role: Role, { channels, missing }: Proposal): string[] {
  const channel = channels.find(({ name }) => name === role);
  if (channel) return channelLines(channel);
  const unfit = (missing.get(role) ?? []).map((found) => `  # Perhaps ${described(found)}: name a field of this type in an entry ${role}.`);
  return [...unfit, `  ${role}: null  # NO SENSOR FOUND: ${LOST[role]}`];
}

function channelLines({ name, found, keys, notes }: ProposedChannel): string[] {
  const [type = ''] = found.types;
  const comments = [described(found), ...notes].map((comment) => `  # ${comment}`);
  return [...comments, `  ${name}:`, ...[`topic: ${found.topic}`, `type: ${type}`, ...keys].map((line) => `    ${line}`)];
}

function otherLines(others: readonly FoundTopic[]): string[] {
  if (others.length === 0) return [];
  const intro = ['', '# Other topics. To report one, add NAME: { topic: TOPIC, field: PATH } to the channels.'];
  return [...intro, ...others.map((found) => `#   ${described(found)}`)];
}

/** The default commands have absolute topics, so they are remapped into the namespace of the robot. */
function rosLines({ namespace, defaults: { commands } }: RenderOptions): string[] {
  if (namespace === undefined) return [];
  const topics = Object.values(commands).flatMap((command) => publicationsOf(command).map(({ topic }) => topic));
  const rules = [...new Set(topics)].map((topic) => `    ${topic}: ${namespace}${topic}`);
  return ['', 'ros:', `  namespace: ${namespace}`, '  # The topics of the default commands.', '  remap:', ...rules];
}

function cameraLines({ cameras }: Proposal, api: string | undefined): string[] {
  if (cameras.length === 0) return [];
  const entries = cameras.flatMap(({ name, found, others }) => [
    `  # ${described(found)}${others.length === 0 ? '' : `. The same camera: ${others.join(', ')}`}`,
    `  ${name}:`,
    `    topic: ${found.topic}`,
    `    type: ${found.types[0] ?? 'auto'}`,
  ]);
  if (api !== undefined) return ['', 'cameras:', ...entries];
  const intro = [
    '# Images of alerts go to the object store of the cloud. Set uploads.api to the origin of the cloud API, and remove `# ` from these lines:',
    'uploads:',
    '  api: https://cloud.example.org',
    'cameras:',
  ];
  return ['', ...intro.slice(0, 1), ...[...intro.slice(1), ...entries].map((line) => `# ${line}`)];
}

/** Quotes a text that YAML would read as another type, such as the thing name 7. */
function scalar(text: string): string {
  const isPlain = /^[a-z/][\w./-]*(:\d+)?$/i.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
