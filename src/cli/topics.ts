// `elderly-bot topics`: what is published on this robot now, how often, with which quality of service, and which channel or camera takes it.
import { wait } from '../base/index.ts';
import { type Config, loadConfig, type Remap } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { fullName, type RosNode, type RosSubscription, startRosNode, type TopicInfo } from '../ros/index.ts';
import { match } from '../sensing/index.ts';
import { fullScreen } from './terminal.ts';

export interface SeenTopic {
  readonly topic: string;
  readonly types: readonly string[];
  readonly publishers: readonly { readonly node: string; readonly reliability: string; readonly durability: string }[];
  /** Messages a second while it was looked; null where it can't be subscribed, such as for want of its message package. */
  readonly rate: number | null;
  /** Why there is no rate. */
  readonly reason: string | null;
  readonly channels: readonly string[];
  readonly cameras: readonly string[];
}

export interface TopicsOptions {
  readonly json: boolean;
  readonly watch: boolean;
  readonly remap: Remap;
}

/** Until DDS has found the others on this machine and its network; where it found nobody, a busy machine is given more. */
const DISCOVERY_MS = 1_000;
const DISCOVERY_AT_MOST_MS = 5_000;
const COUNT_MS = 2_000;

/** Every node has these; they say nothing of the robot. */
const NODES_OWN = ['/rosout', '/parameter_events'];

/** @returns 0 where something is published, 1 where nothing is; 0 where it was watched until a signal. */
export async function topics(file: string | undefined, { json, watch, remap }: TopicsOptions): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true, remap });
  const { namespace, domain_id: domainId } = config.ros;
  const ros = await startRosNode({ name: 'elderly_bot_topics', namespace, ...(domainId === null ? {} : { domainId }) });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const screen = fullScreen(json || !watch);
  try {
    const untilMs = performance.now() + DISCOVERY_AT_MOST_MS;
    do await wait(DISCOVERY_MS, stop.signal);
    while (!stop.signal.aborted && published(ros).length === 0 && performance.now() < untilMs);
    for (;;) {
      const seen = await look(ros, config, stop.signal);
      // A look that was cut short counted nothing: what was shown last stays true.
      if (stop.signal.aborted) return watch ? 0 : 1;
      screen.show(json ? `${JSON.stringify(seen)}\n` : describe(seen));
      if (!watch) return seen.length > 0 ? 0 : 1;
    }
  } finally {
    screen.end();
    await ros.stop();
  }
}

async function look(ros: RosNode, config: Config, signal: AbortSignal): Promise<SeenTopic[]> {
  const found = published(ros).map(({ topic, types }) => ({ topic, types, counter: counterOf(ros, topic) }));
  const beganMs = performance.now();
  await wait(COUNT_MS, signal);
  const seconds = (performance.now() - beganMs) / 1_000;
  return found
    .map(({ topic, types, counter }): SeenTopic => {
      const publishers = ros.publishersOf(topic).map((endpoint) => ({ node: fullName(endpoint), ...endpoint.qos }));
      const rate = typeof counter === 'string' ? null : Math.round((10 * counter.received) / seconds) / 10;
      if (typeof counter !== 'string') counter.close();
      const reason = typeof counter === 'string' ? counter : null;
      const [channels, cameras] = [takenBy(config.channels, topic), takenBy(config.cameras, topic)];
      return { topic, types, publishers, rate, reason, channels, cameras };
    })
    .sort((a, b) => a.topic.localeCompare(b.topic));
}

function published(ros: RosNode): TopicInfo[] {
  return ros.topics().filter(({ topic }) => !NODES_OWN.includes(topic) && ros.publishersOf(topic).length > 0);
}

/** Counts what comes and decodes one message a second at most. @returns the reason, where that can't be. */
function counterOf(ros: RosNode, topic: string): RosSubscription | string {
  const offers = ros.publishersOf(topic);
  const { wanted, types } = match({ type: undefined, qos: 'auto' }, offers);
  if (!wanted) return types ?? 'its type is not known';
  try {
    return ros.subscribe({ topic, type: wanted.type, qos: wanted.qos, maxPerSecond: 1, onMessage: () => {}, onError: () => {} });
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return error.line;
  }
}

function takenBy(entries: Readonly<Record<string, { readonly topic: string }>>, topic: string): string[] {
  return Object.entries(entries).flatMap(([name, entry]) => (entry.topic === topic ? [name] : []));
}

function describe(seen: readonly SeenTopic[]): string {
  if (seen.length === 0) {
    return 'nothing is published: is the robot’s software up, is ROS_DOMAIN_ID the same, does ROS_AUTOMATIC_DISCOVERY_RANGE let it be found?\n';
  }
  const width = Math.max(...seen.map(({ topic }) => topic.length));
  const lines = seen.map(({ topic, types, publishers, rate, reason, channels, cameras }) => {
    const qos = [...new Set(publishers.map(({ reliability, durability }) => `${reliability}, ${durability}`))].join('; ');
    const by = publishers.map(({ node }) => node).join(', ');
    const takers = [...channels, ...cameras.map((name) => `camera ${name}`)];
    const taken = takers.length > 0 ? `  -> ${takers.join(', ')}` : '';
    return `${topic.padEnd(width)}  ${rate === null ? `     (${reason})` : `${rate.toFixed(1).padStart(7)} Hz`}  ${types.join(' or ')}  by ${by} (${qos})${taken}`;
  });
  return `${lines.join('\n')}\n`;
}
