// `elderly-bot config init FILE`: writes a configuration for the topics that this robot publishes. Topics of known types become channels;
// all others are listed in YAML comments for the user to decide.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ZodType } from 'zod';
import { configFlag, print } from '../base/index.ts';
import { type Config, configSchema, loadConfig, MAX_ALERT_NAME_CHARACTERS } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { fullName, type RosNode, startRosNode } from '../ros/index.ts';
import { progress } from './terminal.ts';
import { STANDARD_TOPICS } from './topics.ts';

export interface FoundTopic {
  readonly topic: string;
  readonly types: readonly string[];
  /** Full names of the publishing nodes. */
  readonly nodes: readonly string[];
}

const SCHEMA = fileURLToPath(new URL('../../config/config.schema.json', import.meta.url));
const POLL_MS = 500;
/** Nodes often start one after another, so discovery ends only once nothing has changed for this long. */
const QUIET_MS = 2_000;
/** How long to wait for the first topic. Even on a busy machine, DDS discovers the other nodes faster than this. */
const FIRST_TOPIC_MS = 8_000;
const DISCOVERY_AT_MOST_MS = 15_000;

/** @returns the exit code: 0, or 1 if no topic is published. The file is written in either case. */
export async function init(file: string, thing: string, endpoint: string, json: boolean): Promise<number> {
  if (existsSync(file)) {
    throw new AgentError('FILE_EXISTS', `${resolve(file)} already exists`, { remedy: 'give another name; no file is overwritten' });
  }
  refuseInvalid('--thing', thing, configSchema.shape.thing);
  refuseInvalid('--endpoint', endpoint, configSchema.shape.mqtt.shape.endpoint);
  const defaults = loadConfig(undefined, {}).config;
  const line = progress();
  line.update('discovering topics');
  const ros = await startRosNode({ name: 'elderly_bot_init' });
  let found: FoundTopic[];
  try {
    found = await discover(ros);
  } finally {
    line.end();
    await ros.stop();
  }
  const schema = relative(dirname(resolve(file)), SCHEMA);
  const { text, channels, skipped } = proposal({ found, defaults, thing, endpoint, schema });
  writeFileSync(file, text, { flag: 'wx' });
  try {
    loadConfig(file, {});
  } catch (error) {
    rmSync(file);
    throw error;
  }
  const others = skipped.length > 0 ? `; as comments, for you to decide: ${skipped.join(', ')}` : '';
  await print(
    json
      ? JSON.stringify({ file: resolve(file), topics: found, channels, skipped })
      : `wrote ${file}: channels ${channels.join(', ')}${others}\nnext: elderly-bot certs import FOLDER${configFlag(file)}, then elderly-bot doctor${configFlag(file)}`,
  );
  return found.length > 0 ? 0 : 1;
}

/** @throws AgentError CONFIG_INVALID if the schema of its key refuses the value of an option */
function refuseInvalid(option: string, value: string, schema: ZodType): void {
  const [issue] = schema.safeParse(value).error?.issues ?? [];
  if (!issue) return;
  throw new AgentError('CONFIG_INVALID', `${option} is ${JSON.stringify(value)}: ${issue.message}`, { remedy: 'nothing was written' });
}

async function discover(ros: RosNode): Promise<FoundTopic[]> {
  let found: FoundTopic[] = [];
  const startedMs = performance.now();
  let changedMs = startedMs;
  const isComplete = () => performance.now() - changedMs >= (found.length > 0 ? QUIET_MS : FIRST_TOPIC_MS);
  while (!isComplete() && performance.now() - startedMs < DISCOVERY_AT_MOST_MS) {
    await sleep(POLL_MS);
    const current = ros.topics().flatMap(({ topic }) => {
      const offers = ros.publishersOf(topic);
      if (offers.length === 0) return [];
      return [{ topic, types: [...new Set(offers.map(({ type }) => type))], nodes: [...new Set(offers.map(fullName))] }];
    });
    if (JSON.stringify(current) !== JSON.stringify(found)) changedMs = performance.now();
    found = current;
  }
  return found.sort((a, b) => a.topic.localeCompare(b.topic));
}

/** For each known message type, the configuration lines that turn a message into one value. */
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

interface ProposalOptions {
  readonly found: readonly FoundTopic[];
  /** The default configuration, which the new file overrides. */
  readonly defaults: Config;
  readonly thing: string;
  readonly endpoint: string;
  /** Path of the JSON schema, relative to the new file's directory. */
  readonly schema: string;
}

/** Proposes a configuration; a pure function. @returns the YAML text, its channel names, and the topics that it only lists in comments */
export function proposal({ found, defaults, thing, endpoint, schema }: ProposalOptions) {
  const commandTopics = Object.values(defaults.commands).flatMap(({ topic, also }) => [topic, ...also.map((other) => other.topic)]);
  const own = new Set([...STANDARD_TOPICS, ...commandTopics]);
  const standard = Object.entries(defaults.channels);
  const isPublished = (topic: string) => found.some((candidate) => candidate.topic === topic);
  const published = standard.filter(([, { topic }]) => isPublished(topic)).map(([name]) => name);
  const missing = standard.filter(([, { topic }]) => !isPublished(topic));
  const others = found.filter(({ topic }) => !own.has(topic) && !standard.some(([, channel]) => channel.topic === topic));
  const names = new Set(standard.map(([name]) => name));
  const [channels, skipped]: [string[], string[]] = [[...published], []];
  const entries = others.flatMap(({ topic, types, nodes }) => {
    const [type = ''] = types;
    const keys = types.length === 1 ? (VALUES[type] ?? (NUMBER.test(type) ? [] : undefined)) : undefined;
    const origin = `${topic}, ${types.join(' or ')}, by ${nodes.join(', ')}`;
    if (keys === undefined) {
      skipped.push(topic);
      return [`  # ${origin}: choose a field and add NAME: { topic: ${topic}, field: PATH }`];
    }
    const name = nameOf(topic, names);
    names.add(name);
    channels.push(name);
    const isAlert = keys.includes('class: alert');
    const deadband = isAlert || type === 'std_msgs/msg/String' ? '' : ', deadband: "1%"';
    const lines = [`topic: ${topic}`, `type: ${type}`, ...keys, `report: { on: change, at_least_every: 60s${deadband} }`];
    const note = '    # The value true raises an alert, which is sent at once. If this is not an alert, set class: telemetry';
    return [`  # ${origin}`, `  ${name}:`, ...(isAlert ? [note] : []), ...lines.map((each) => `    ${each}`)];
  });
  // `channels:` with nothing but comments below it would be null in YAML, which is not a valid map of channels, so comment it out too.
  const hasChannels = entries.some((line) => !line.trimStart().startsWith('#'));
  const lines = [
    `# yaml-language-server: $schema=${schema}`,
    '# Written by `elderly-bot config init` from the topics of this robot. It lists only differences from config/default.yaml, which',
    '# explains every key. `elderly-bot config check FILE` validates this file; `config show FILE` prints the source of each value.',
    `thing: ${scalar(thing)}`,
    ...(thing === 'elderly-bot'
      ? []
      : ['# Several robots on one account need different prefixes.', `topic_prefix: ${scalar(`fleet/${thing}`)}`]),
    '',
    'mqtt:',
    '  # In AWS: aws iot describe-endpoint --endpoint-type iot:Data-ATS',
    `  endpoint: ${scalar(endpoint)}`,
    '',
    `# Channels of the default configuration that are published here: ${published.join(', ') || 'none'}.`,
    entries.length + missing.length === 0 ? '# No other topic is published.' : hasChannels ? 'channels:' : '# channels:',
    ...missing.map(([name, { topic }]) => `  # No node published ${topic}. If this robot has no such sensor:\n  # ${name}: null`),
    ...entries,
  ];
  return { text: `${lines.join('\n')}\n`, channels, skipped };
}

/** Quotes a text that YAML would read as another type, such as the thing name 7. */
function scalar(text: string): string {
  const isPlain = /^[a-z][\w./-]*(:\d+)?$/i.test(text) && !/^(true|false|null)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

/** Leaves space for the number of a doubled name. */
const NAME_LENGTH = MAX_ALERT_NAME_CHARACTERS - '_99'.length;

/** Names to avoid: words that are too general to name a channel, and keys of the telemetry envelope, which are not allowed as names. */
const RESERVED = new Set('data state status value raw kind thing mark outbox readings accepted'.split(' '));

/** Derives a channel's name from its topic: the last part, preceded by as many earlier parts as it takes to be free and specific. */
function nameOf(topic: string, taken: ReadonlySet<string>): string {
  const parts = topic.split('/').filter(Boolean).map(snakeCase);
  for (let from = parts.length - 1; from >= 0; from--) {
    const name = validName(parts.slice(from).join('_'));
    if (!taken.has(name) && name.length > 2 && !RESERVED.has(name)) return name;
  }
  const whole = validName(parts.join('_'));
  let name = whole;
  for (let n = 2; taken.has(name); n++) name = `${whole}_${n}`;
  return name;
}

function snakeCase(part: string): string {
  return part
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_');
}

function validName(name: string): string {
  return (/^[a-z]/.test(name) ? name : `topic_${name}`).slice(0, NAME_LENGTH);
}
