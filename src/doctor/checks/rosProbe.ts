// Probes ROS 2 for the doctor, in a separate process, because some ROS errors abort the whole process. The probe subscribes to each
// channel's topic for a few seconds and publishes nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/index.ts';
import { type ChannelConfig, type Config, type GraphTopic, loadConfig, type Remap } from '../../config/index.ts';
import { AgentError, type ErrorCode } from '../../errors.ts';
import { isNamed, namedPublishers, type RosMessage, type RosNode, type RosSubscription, startRosNode } from '../../ros/index.ts';
import { Channel, match, type Offer, type Unusable } from '../../sensing/index.ts';

/** How long discovery may take on a busy machine. The wait ends early once all channels' publishers have been discovered. */
const DISCOVERY_MS = 6_000;
const POLL_EVERY_MS = 100;
const LISTEN_MS = 3_000;
/** How long to listen if a publisher has been discovered but has sent nothing: on a busy machine, DDS takes longer to match endpoints. */
const LISTEN_LONGER_MS = 7_000;
const ROS_TOPICS = ['/rosout', '/parameter_events'];

/** The parts of an AgentError that the probe sends to the doctor. */
export interface ProbeFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string | undefined;
}

export interface ChannelProbe {
  readonly topic: string;
  readonly offers: readonly Offer[];
  readonly types?: string | undefined;
  readonly qos?: string | undefined;
  /** The error if the topic could not be subscribed to. */
  readonly failure?: ProbeFailure | undefined;
  readonly received: number;
  /** Why the last message is unusable; undefined if it is usable, or if no message arrived. */
  readonly unusable?: Unusable | undefined;
  /** The last message's header stamp in seconds since 1970; 0 if it has no stamp. */
  readonly stamp: number;
}

export interface RosProbe {
  readonly seconds: number;
  readonly topics: readonly string[];
  /** All topics with their types. */
  readonly graph: readonly GraphTopic[];
  readonly channels: Readonly<Record<string, ChannelProbe>>;
}

/**
 * Runs in the probe process. Probes ROS and sends the result to the parent process, or the error if ROS does not start. The result must be
 * sent before ROS is stopped, because ROS may hang while stopping.
 */
export async function probeAndReport(file: string | undefined, remap: Remap): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true, remap });
  const { namespace, domain_id: domainId } = config.ros;
  let node: RosNode;
  try {
    node = await startRosNode({ name: 'elderly_bot_doctor', namespace, ...(domainId === null ? {} : { domainId }) });
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    await send(failureOf(error));
    return 0;
  }
  try {
    await send(await probe(node, config));
  } finally {
    await node.stop();
  }
  return 0;
}

function send(answer: RosProbe | ProbeFailure): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(answer, () => resolve());
    else resolve();
  });
}

async function probe(node: RosNode, config: Config): Promise<RosProbe> {
  await waitForDiscovery(node, config);
  const listening = Object.entries(config.channels).map(([name, channel]) => [name, listen(node, name, channel)] as const);
  const startedMs = performance.now();
  await sleep(LISTEN_MS);
  const isSilent = ([, { isReceiving, topic }]: (typeof listening)[number]) => !isReceiving() && node.publishersOf(topic).length > 0;
  while (listening.some(isSilent) && performance.now() - startedMs < LISTEN_LONGER_MS) await sleep(POLL_EVERY_MS);
  const seconds = (performance.now() - startedMs) / 1_000;
  const graph = node.topics().filter(({ topic }) => node.publishersOf(topic).length > 0);
  const published = graph.map(({ topic }) => topic).filter((topic) => !ROS_TOPICS.includes(topic));
  return { seconds, topics: published, graph, channels: Object.fromEntries(listening.map(([name, { result }]) => [name, result()])) };
}

async function waitForDiscovery(node: RosNode, { channels }: Config): Promise<void> {
  const wanted = Object.values(channels).map(({ topic }) => topic);
  for (const untilMs = performance.now() + DISCOVERY_MS; performance.now() < untilMs; await sleep(POLL_EVERY_MS)) {
    const offers = wanted.map((topic) => namedPublishers(node, topic));
    if (offers.every((each) => each.length > 0 && each.every(({ node: name }) => isNamed(name)))) return;
  }
}

interface Listening {
  readonly topic: string;
  isReceiving(): boolean;
  /** Ends the channel's judgement, so it must be called once, at the end. */
  result(): ChannelProbe;
}

function listen(node: RosNode, name: string, config: ChannelConfig): Listening {
  const { topic } = config;
  const { wanted } = match(config, namedPublishers(node, topic));
  const channel = new Channel(name, config);
  let last: RosMessage | undefined;
  let subscription: RosSubscription | undefined;
  let failure: ProbeFailure | undefined;
  try {
    if (wanted) {
      const onMessage = (message: RosMessage) => {
        last = message;
        channel.accept(message, performance.now());
      };
      const onError = (error: Error) => void channel.reject(messageOf(error), performance.now());
      subscription = node.subscribe({ topic, ...wanted, maxPerSecond: 2, onMessage, onError });
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    failure = failureOf(error);
  }
  const received = () => subscription?.received ?? 0;
  const result = () => {
    const offers = namedPublishers(node, topic);
    const { types, qos } = match(config, offers);
    // A latched detector sends one message, so one unusable message is enough here.
    channel.elapse(Number.POSITIVE_INFINITY);
    const { unusable } = channel;
    return { topic, offers, types, qos, failure, received: received(), unusable, stamp: stampOf(last) };
  };
  return { topic, isReceiving: () => received() > 0, result };
}

/** Returns the header stamp in seconds since 1970, or 0 if there is no stamp. */
function stampOf(message: RosMessage | undefined): number {
  const stamp = (message?.header as { stamp?: { sec?: unknown } } | undefined)?.stamp;
  return Number(stamp?.sec ?? 0);
}

function failureOf({ code, message, remedy }: AgentError): ProbeFailure {
  return { code, message, remedy };
}
