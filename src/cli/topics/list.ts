// `elderly-bot topics list`, also without `list`: lists the robot's published topics with their rates and QoS, and the channels and cameras
// that use them.
import { described, wait } from '../../base/index.ts';
import { type Config, isOwnNode, loadConfig, type Remap } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import {
  domainText,
  match,
  type PublishedTopic,
  publishedTopics,
  type RosNode,
  type RosSubscription,
  resolveDomainId,
  startRosNode,
} from '../../ros/index.ts';
import { didYouMean } from '../../sensing/index.ts';
import { type DiscoveryLimits, settled } from '../settled.ts';
import { abortOn } from '../shared.ts';
import { fullScreen } from '../terminal.ts';
import { usersOf } from './graph.ts';

/** An entry of `--json`. */
export interface ObservedTopic {
  readonly topic: string;
  readonly types: readonly string[];
  readonly publishers: readonly { readonly node: string; readonly reliability: string; readonly durability: string }[];
  /** Messages per second, measured over two seconds; null if the topic can't be subscribed to, such as when its package is missing. */
  readonly rate: number | null;
  /** Why the topic can't be subscribed to; null if it can. */
  readonly reason: string | null;
  readonly channels: readonly string[];
  readonly cameras: readonly string[];
}

/** DDS usually needs half a second to discover a topic, and longer on a busy machine. */
const DISCOVERY: DiscoveryLimits = { firstMs: 5_000, quietMs: 1_500, atMostMs: 8_000 };
const COUNT_MS = 2_000;

/** @returns the exit code: 0, or 1 if no topic is published. With `watch`, it runs until a signal and returns 0. */
export async function list(file: string | undefined, options: { json: boolean; watch: boolean; remap: Remap }): Promise<number> {
  const { json, watch, remap } = options;
  const { config } = loadConfig(file, process.env, { leaveOut: true, remap });
  const { namespace, domain_id: domainId } = config.ros;
  const ros = await startRosNode({ name: 'elderly_bot_topics', namespace, domainId });
  const signal = abortOn('SIGINT', 'SIGTERM', 'SIGHUP');
  const screen = fullScreen(json || !watch);
  try {
    await settled(() => published(ros, config).map(({ topic }) => topic), DISCOVERY, signal);
    for (;;) {
      const observed = await measure(ros, config, signal);
      // The rates of an interrupted measurement are wrong. Do not show them.
      if (signal.aborted) return watch ? 0 : 1;
      screen.show(json ? [JSON.stringify(observed)] : described(observed, (found) => describe(found, config)));
      if (!watch) return observed.length > 0 ? 0 : 1;
    }
  } finally {
    screen.end();
    await ros.stop();
  }
}

async function measure(ros: RosNode, config: Config, signal: AbortSignal): Promise<ObservedTopic[]> {
  const found = published(ros, config).map(({ topic, types }) => ({ topic, types, counter: counterOf(ros, topic) }));
  const startedMs = performance.now();
  await wait(COUNT_MS, signal);
  const seconds = (performance.now() - startedMs) / 1_000;
  // Only now: DDS learns the names of nodes after their publishers.
  const named = new Map(published(ros, config).map(({ topic, publishers }) => [topic, publishers]));
  return found.map(({ topic, types, counter }): ObservedTopic => {
    const publishers = (named.get(topic) ?? []).map(({ node, qos }) => ({ node, ...qos }));
    const users = { channels: usersOf(config.channels, topic), cameras: usersOf(config.cameras, topic) };
    if (typeof counter === 'string') return { topic, types, publishers, rate: null, reason: counter, ...users };
    const rate = Math.round((10 * counter.received) / seconds) / 10;
    counter.close();
    return { topic, types, publishers, rate, reason: null, ...users };
  });
}

/** Leaves out the topics of this program's own nodes: they exist even if the robot is not there. */
function published(ros: RosNode, config: Config): PublishedTopic[] {
  return publishedTopics(ros, (node) => isOwnNode(node, config.ros));
}

/** Counts every message, but to save CPU decodes at most one per second. @returns the reason if the topic can't be subscribed to */
function counterOf(ros: RosNode, topic: string): RosSubscription | string {
  const { wanted, types } = match({ type: undefined, qos: 'auto' }, ros.publishersOf(topic));
  if (!wanted) return types ?? 'its type is not known';
  try {
    return ros.subscribe({ topic, type: wanted.type, qos: wanted.qos, maxPerSecond: 1, onMessage: () => {}, onError: () => {} });
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return error.line;
  }
}

function describe(observed: readonly ObservedTopic[], config: Config): string[] {
  if (observed.length === 0) {
    const domain = resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID);
    return [
      `no topic is published in ${domainText(domain)}: check that the robot’s software runs, that ROS_DOMAIN_ID and ROS_DISCOVERY_SERVER are the same, and that ROS_AUTOMATIC_DISCOVERY_RANGE permits discovery; elderly-bot doctor finds out more`,
    ];
  }
  const width = Math.max(...observed.map(({ topic }) => topic.length));
  const lines = observed.map(({ topic, types, publishers, rate, reason, channels, cameras }) => {
    const qos = [...new Set(publishers.map(({ reliability, durability }) => `${reliability}, ${durability}`))].join('; ');
    const nodes = publishers.map(({ node }) => node).join(', ');
    const users = [...channels, ...cameras.map((name) => `camera ${name}`)].join(', ');
    return `${topic.padEnd(width)}  ${rate === null ? `     (${reason})` : `${rate.toFixed(1).padStart(7)} Hz`}  ${types.join(' or ')}  by ${nodes} (${qos})${users && `  -> ${users}`}`;
  });
  return [...lines, ...unpublished(observed, config)];
}

/** @returns a line for each channel and camera whose topic is unpublished, if another topic was probably meant. */
function unpublished(observed: readonly ObservedTopic[], config: Config): string[] {
  const meant = didYouMean(config, observed);
  const isMissing = ([, { topic }]: readonly [string, { readonly topic: string }]) => observed.every((each) => each.topic !== topic);
  const line = (kind: string, name: string, topic: string, question: string | undefined) =>
    question === undefined ? [] : [`${kind} ${name}: no node publishes ${topic}; ${question}`];
  return [
    ...Object.entries(config.channels)
      .filter(isMissing)
      .flatMap(([name, { topic }]) => line('channel', name, topic, meant.channel(name))),
    ...Object.entries(config.cameras)
      .filter(isMissing)
      .flatMap(([name, { topic }]) => line('camera', name, topic, meant.camera(name))),
  ];
}
