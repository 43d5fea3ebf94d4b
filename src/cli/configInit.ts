// `elderly-bot config init FILE`: discovers the topics of the robot, and writes a configuration for them (src/configInit).
import { accessSync, constants, existsSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ZodType } from 'zod';
import { configFlag, isWritable, print, renameDurably, writeShared } from '../base/index.ts';
import { configSchema, loadConfig } from '../config/index.ts';
import { type FoundTopic, namespacesOf, type Proposal, propose, render, stateDirFor } from '../configInit/index.ts';
import { AgentError } from '../errors.ts';
import { domainText, publishedTopics, type RosNode, resolveDomainId, startRosNode } from '../ros/index.ts';
import { type DiscoveryLimits, settled } from './settled.ts';
import { progress } from './terminal.ts';

export interface InitOptions {
  readonly thing: string;
  readonly endpoint: string;
  /** Origin of the cloud API, which cameras need. */
  readonly api: string | undefined;
  /** The namespace of the robot; undefined to find it in the graph. */
  readonly namespace: string | undefined;
  /** The state directory; undefined to choose one that the user may write. */
  readonly stateDir: string | undefined;
  /** Whether to replace an existing file. */
  readonly force: boolean;
  readonly json: boolean;
}

const SCHEMA = fileURLToPath(new URL('../../config/config.schema.json', import.meta.url));
/**
 * Even on a busy machine, DDS discovers the first topic faster than this. Nodes that start together are missed after a shorter quiet time.
 */
const DISCOVERY: DiscoveryLimits = { firstMs: 8_000, quietMs: 2_000, atMostMs: 15_000 };

const NOTHING_WRITTEN = 'nothing was written';

/** @throws AgentError NOTHING_PUBLISHED, FILE_EXISTS or CONFIG_INVALID. The file is not written or replaced in these cases. */
export async function init(file: string, options: InitOptions): Promise<number> {
  if (existsSync(file) && !options.force) {
    const remedy = 'give another name, or replace the file with --force';
    throw new AgentError('FILE_EXISTS', `${resolve(file)} already exists`, { remedy });
  }
  refuseInvalidOptions(options);
  const beside = dirname(resolve(file));
  accessSync(beside, constants.W_OK);
  const domainId = resolveDomainId(null, process.env.ROS_DOMAIN_ID);
  const defaults = loadConfig(undefined, {}).config;
  const found = await discoverTopics(domainId);
  const namespace = chooseNamespace(options.namespace, found);
  const proposal = propose({ found, namespace, defaults });
  const stateDir =
    options.stateDir === undefined
      ? stateDirFor({ usual: defaults.state_dir, home: homedir(), beside, env: process.env, isWritable })
      : resolve(options.stateDir);
  writeValid(file, render(proposal, { ...options, schema: relative(beside, SCHEMA), domainId, stateDir, namespace, defaults }));
  await print(
    options.json
      ? JSON.stringify({ file: resolve(file), topics: found, ...summaryOf(proposal) })
      : describe(file, found.length, domainId, proposal, options.api),
  );
  return 0;
}

function refuseInvalidOptions({ thing, endpoint, api, namespace }: InitOptions): void {
  const { shape } = configSchema;
  refuseInvalid('--thing', thing, shape.thing);
  refuseInvalid('--endpoint', endpoint, shape.mqtt.shape.endpoint);
  if (api !== undefined) refuseInvalid('--api', api, shape.uploads.shape.api);
  if (namespace !== undefined) refuseInvalid('--namespace', namespace, shape.ros.shape.namespace);
}

/** @throws AgentError CONFIG_INVALID if the schema of its key refuses the value of an option */
function refuseInvalid(option: string, value: string, schema: ZodType): void {
  const [issue] = schema.safeParse(value).error?.issues ?? [];
  if (!issue) return;
  throw new AgentError('CONFIG_INVALID', `${option} is ${JSON.stringify(value)}: ${issue.message}`, { remedy: NOTHING_WRITTEN });
}

/** @throws AgentError NOTHING_PUBLISHED */
async function discoverTopics(domainId: number): Promise<readonly FoundTopic[]> {
  const line = progress();
  line.update(`discovering topics in ${domainText(domainId)}`);
  const ros = await startRosNode({ name: 'elderly_bot_init', domainId });
  let found: readonly FoundTopic[];
  try {
    found = await settled(() => topicsOf(ros), DISCOVERY);
  } finally {
    line.end();
    await ros.stop();
  }
  if (found.length > 0) return found;
  throw new AgentError('NOTHING_PUBLISHED', `no node publishes a topic in ${domainText(domainId)}, so ${NOTHING_WRITTEN}`, {
    remedy:
      'start the software of the robot and repeat this command; if it runs, set ROS_DOMAIN_ID, ROS_DISCOVERY_SERVER and ROS_AUTOMATIC_DISCOVERY_RANGE as it does',
  });
}

function topicsOf(ros: RosNode): FoundTopic[] {
  return publishedTopics(ros).map(({ topic, types, publishers }) => ({
    topic,
    types,
    nodes: [...new Set(publishers.map(({ node }) => node))],
  }));
}

/** @throws AgentError CONFIG_INVALID if the topics of several robots were found, or none below the given namespace */
function chooseNamespace(given: string | undefined, found: readonly FoundTopic[]): string | undefined {
  const robots = namespacesOf(found);
  if (given === undefined) {
    if (robots.length <= 1) return robots[0];
    throw new AgentError('CONFIG_INVALID', `the topics of several robots were found: ${robots.join(', ')}`, {
      remedy: `choose one, such as --namespace ${robots[0]}; ${NOTHING_WRITTEN}`,
    });
  }
  if (given === '/') return undefined;
  if (found.some(({ topic }) => topic.startsWith(`${given}/`))) return given;
  const others = robots.length > 0 ? `; the robots here are ${robots.join(', ')}` : '';
  throw new AgentError('CONFIG_INVALID', `--namespace is ${given}, but no topic below it is published${others}`, {
    remedy: NOTHING_WRITTEN,
  });
}

/** Writes the file only if it is a valid configuration, so that an error leaves an existing file as it was. */
function writeValid(file: string, text: string): void {
  const temporary = `${file}.new`;
  writeShared(temporary, text);
  try {
    loadConfig(temporary, {});
    renameDurably(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function summaryOf({ channels, cameras, missing, others }: Proposal) {
  return {
    channels: channels.map(({ name }) => name),
    cameras: cameras.map(({ name }) => name),
    missing: [...missing.keys()],
    skipped: others.map(({ topic }) => topic),
  };
}

function describe(file: string, topics: number, domainId: number, proposal: Proposal, api: string | undefined): string[] {
  const { channels, cameras, missing, skipped } = summaryOf(proposal);
  const toCheck = proposal.channels.filter(({ notes }) => notes.length > 0).map(({ name }) => name);
  const flag = configFlag(file);
  return [
    `wrote ${file} from ${topics} topics of ROS domain ${domainId}`,
    `channels: ${channels.join(', ') || 'none'}`,
    ...(missing.length > 0 ? [`NO SENSOR FOUND for ${missing.join(', ')}: the file has the consequences`] : []),
    ...(cameras.length > 0
      ? [`cameras: ${cameras.join(', ')}${api === undefined ? ' (as comments, because they need --api ORIGIN)' : ''}`]
      : []),
    ...(toCheck.length > 0 ? [`read the comments of ${toCheck.join(', ')}`] : []),
    ...(skipped.length > 0 ? [`not used, and listed at the end of the file: ${skipped.length} topics`] : []),
    `next: elderly-bot certs import FOLDER${flag}, then elderly-bot doctor${flag}`,
  ];
}
