// A configuration for what is published on a robot: known types become channels, the rest comments to choose from. Pure.
import type { Config } from '../config/index.ts';

export interface FoundTopic {
  readonly topic: string;
  readonly types: readonly string[];
  /** Who publishes it. */
  readonly nodes: readonly string[];
}

export interface ProposalOptions {
  readonly found: readonly FoundTopic[];
  /** config/default.yaml: what lies beneath. */
  readonly defaults: Config;
  readonly thing: string;
  readonly endpoint: string;
  /** Where an editor finds the schema, from the file's folder. */
  readonly schema: string;
}

export interface Proposal {
  readonly text: string;
  readonly channels: readonly string[];
  /** Topics that stand in it as comments. */
  readonly left: readonly string[];
}

/** Every node has these. */
const NODES_OWN = ['/rosout', '/parameter_events'];
const NAME_LENGTH = 33;

/** What of a message is one value, by type. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'std_msgs/msg/Bool': ['class: alert'],
  'std_msgs/msg/String': [],
  'sensor_msgs/msg/BatteryState': ['field: percentage', 'scale: 100', 'unit: percent', 'min: 0', 'max: 100'],
  'sensor_msgs/msg/Temperature': ['field: temperature', 'unit: degC', 'min: -40', 'max: 150'],
  'sensor_msgs/msg/RelativeHumidity': ['field: relative_humidity', 'scale: 100', 'unit: percent', 'min: 0', 'max: 100'],
  'sensor_msgs/msg/Illuminance': ['field: illuminance', 'unit: lx', 'min: 0'],
  'sensor_msgs/msg/FluidPressure': ['field: fluid_pressure', 'unit: Pa', 'min: 0'],
  'sensor_msgs/msg/Range': ['field: range', 'unit: m', 'min: 0'],
  'sensor_msgs/msg/LaserScan': ['field: "ranges[*] | min"', 'unit: m', 'min: 0'],
};
const NUMBER = /^std_msgs\/msg\/(U?Int(8|16|32|64)|Float(32|64))$/;

export function proposal({ found, defaults, thing, endpoint, schema }: ProposalOptions): Proposal {
  const own = new Set([
    ...NODES_OWN,
    ...Object.values(defaults.commands).flatMap(({ topic, also }) => [topic, ...also.map((each) => each.topic)]),
  ]);
  const standard = Object.entries(defaults.channels);
  const there = standard.filter(([, { topic }]) => found.some((one) => one.topic === topic)).map(([name]) => name);
  const missing = standard.filter(([name]) => !there.includes(name));
  const others = found.filter(({ topic }) => !own.has(topic) && !standard.some(([, channel]) => channel.topic === topic));
  const names = new Set(standard.map(([name]) => name));
  const [channels, left]: [string[], string[]] = [[...there], []];
  const entries = others.flatMap((one) => {
    const [type = ''] = one.types;
    const keys = one.types.length === 1 ? (VALUES[type] ?? (NUMBER.test(type) ? [] : undefined)) : undefined;
    const by = `${one.topic}, ${one.types.join(' or ')}, by ${one.nodes.join(', ')}`;
    if (keys === undefined) {
      left.push(one.topic);
      return [`  # ${by}: which field of it? Then: NAME: { topic: ${one.topic}, field: PATH }`];
    }
    const name = nameOf(one.topic, names);
    names.add(name);
    channels.push(name);
    const report = keys.includes('class: alert')
      ? '{ on: change, at_least_every: 60s }'
      : '{ on: change, at_least_every: 60s, deadband: "1%" }';
    const isText = type === 'std_msgs/msg/String';
    const lines = [`topic: ${one.topic}`, `type: ${type}`, ...keys, `report: ${isText ? '{ on: change, at_least_every: 60s }' : report}`];
    const asked = keys.includes('class: alert')
      ? ['    # An alert while it is true, sent at once. If it is no alert: class: telemetry']
      : [];
    return [`  # ${by}`, `  ${name}:`, ...asked, ...lines.map((each) => `    ${each}`)];
  });
  return { text: page({ thing, endpoint, schema, there, missing, entries }), channels, left };
}

interface Page {
  readonly thing: string;
  readonly endpoint: string;
  readonly schema: string;
  readonly there: readonly string[];
  readonly missing: readonly (readonly [name: string, channel: { readonly topic: string }])[];
  readonly entries: readonly string[];
}

function page({ thing, endpoint, schema, there, missing, entries }: Page): string {
  const lines = [
    `# yaml-language-server: $schema=${schema}`,
    '# Written by `elderly-bot config init` from what was published on this robot. Only what differs from config/default.yaml, which',
    '# explains every key. `elderly-bot config check FILE` says what is wrong, `config show FILE` where each value comes from.',
    `thing: ${thing}`,
    ...(thing === 'elderly-bot'
      ? []
      : ['# With several robots on one account, each needs a prefix of its own.', `topic_prefix: fleet/${thing}`]),
    '',
    'mqtt:',
    '  # In AWS: aws iot describe-endpoint --endpoint-type iot:Data-ATS',
    `  endpoint: ${endpoint}`,
    '',
    `# From the default configuration, and published here: ${there.join(', ') || 'none'}.`,
    entries.length + missing.length === 0 ? '# Nothing else is published.' : 'channels:',
    ...missing.map(([name, { topic }]) => `  # Nobody published ${topic}; if this robot has no such sensor:\n  # ${name}: null`),
    ...entries,
  ];
  // A key without a value would be no list of channels.
  const isEmpty = entries.every((line) => line.trimStart().startsWith('#'));
  return `${lines.map((line) => (line === 'channels:' && isEmpty ? '# channels:' : line)).join('\n')}\n`;
}

/** A channel's name from its topic: its last part, and where that is taken the ones before it too. */
function nameOf(topic: string, taken: ReadonlySet<string>): string {
  const parts = topic.split('/').filter(Boolean).map(word);
  for (let from = parts.length - 1; from >= 0; from--) {
    const name = fitting(parts.slice(from).join('_'));
    if (!taken.has(name) && name.length > 2 && !GENERAL.has(name)) return name;
  }
  const whole = fitting(parts.join('_'));
  for (let n = 2; ; n++) {
    const name = taken.has(whole) ? `${whole}_${n}` : whole;
    if (!taken.has(name)) return name;
  }
}

/** Last parts that say nothing alone, and the keys of the envelope that no channel may be called. */
const GENERAL: ReadonlySet<string> = new Set([
  'data',
  'state',
  'status',
  'value',
  'raw',
  'kind',
  'thing',
  'mark',
  'outbox',
  'readings',
  'accepted',
]);

function word(part: string): string {
  return part
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_');
}

function fitting(name: string): string {
  return (/^[a-z]/.test(name) ? name : `topic_${name}`).slice(0, NAME_LENGTH);
}
