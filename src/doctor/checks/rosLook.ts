// The doctor's look at ROS 2, in a process of its own: ROS ends its process on some errors, and the doctor has to survive that. The look
// subscribes to each channel's topic for some seconds and publishes nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelConfig, type Config, loadConfig, type Remap } from '../../config/index.ts';
import { AgentError, type ErrorCode } from '../../errors.ts';
import { fullName, type RosMessage, type RosNode, type RosSubscription, startRosNode } from '../../ros/index.ts';
import { fieldReader, match, type Offer } from '../../sensing/index.ts';

/** Discovery takes at most this long on a busy machine. The look starts earlier if all publishers are found. */
const DISCOVERY_MS = 6_000;
const LOOK_EVERY_MS = 100;
/** The name that rmw gives to a publisher whose node it does not know yet. */
const UNNAMED = '_NODE_NAME_UNKNOWN_';
const LISTEN_MS = 3_000;
/** A discovered publisher without a message gets more time: on a busy machine matching takes a while. */
const LISTEN_LONGER_MS = 7_000;
const NODES_OWN = ['/rosout', '/parameter_events'];

/** An error, as one process sends it to the other. */
export interface Trouble {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string | undefined;
}

export interface Heard {
  readonly topic: string;
  readonly offers: readonly Offer[];
  readonly types?: string | undefined;
  readonly qos?: string | undefined;
  /** Why the topic could not be subscribed. */
  readonly off?: Trouble | undefined;
  readonly received: number;
  /** Whether the last message has the configured field; undefined without a message. */
  readonly hasField?: boolean | undefined;
  /** The stamp of the last message in seconds since 1970; 0 without a stamp. */
  readonly stamp: number;
}

export interface RosLook {
  readonly seconds: number;
  readonly topics: readonly string[];
  readonly channels: Readonly<Record<string, Heard>>;
}

/**
 * The whole work of the process: looks, and sends the result or the reason why ROS does not start. The process sends it before it stops ROS,
 * because ROS may hang when it stops.
 */
export async function lookAndReport(file: string | undefined, remap: Remap): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true, remap });
  const { namespace, domain_id: domainId } = config.ros;
  let node: RosNode;
  try {
    node = await startRosNode({ name: 'elderly_bot_doctor', namespace, ...(domainId === null ? {} : { domainId }) });
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    await send(troubleOf(error));
    return 0;
  }
  try {
    await send(await look(node, config));
  } finally {
    await node.stop();
  }
  return 0;
}

function send(answer: RosLook | Trouble): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(answer, () => resolve());
    else resolve();
  });
}

async function look(node: RosNode, config: Config): Promise<RosLook> {
  await discovered(node, config);
  const listening = Object.entries(config.channels).map(([name, channel]) => [name, listen(node, channel)] as const);
  const startedMs = performance.now();
  await sleep(LISTEN_MS);
  const isSilent = ([, heard]: (typeof listening)[number]) => heard().offers.length > 0 && heard().received === 0;
  while (listening.some(isSilent) && performance.now() - startedMs < LISTEN_LONGER_MS) await sleep(LOOK_EVERY_MS);
  const seconds = (performance.now() - startedMs) / 1_000;
  const topics = node.topics().map(({ topic }) => topic);
  const published = topics.filter((topic) => !NODES_OWN.includes(topic) && node.publishersOf(topic).length > 0);
  return { seconds, topics: published, channels: Object.fromEntries(listening.map(([name, heard]) => [name, heard()])) };
}

async function discovered(node: RosNode, { channels }: Config): Promise<void> {
  const wanted = Object.values(channels).map(({ topic }) => topic);
  for (const untilMs = performance.now() + DISCOVERY_MS; performance.now() < untilMs; await sleep(LOOK_EVERY_MS)) {
    const offers = wanted.map((topic) => offersOn(node, topic));
    if (offers.every((each) => each.length > 0 && each.every(({ node: name }) => !name.endsWith(UNNAMED)))) return;
  }
}

function listen(node: RosNode, channel: ChannelConfig): () => Heard {
  const { topic } = channel;
  const { wanted } = match(channel, offersOn(node, topic));
  let last: RosMessage | undefined;
  let subscription: RosSubscription | undefined;
  let off: Trouble | undefined;
  try {
    if (wanted) {
      const onMessage = (message: RosMessage) => {
        last = message;
      };
      subscription = node.subscribe({ topic, ...wanted, maxPerSecond: 2, onMessage, onError: () => {} });
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    off = troubleOf(error);
  }
  return () => {
    const offers = offersOn(node, topic);
    const { types, qos } = match(channel, offers);
    const hasField = last === undefined || channel.diagnostics ? undefined : fieldReader(channel.field)(last) !== undefined;
    return { topic, offers, types, qos, off, received: subscription?.received ?? 0, hasField, stamp: stampOf(last) };
  };
}

function offersOn(node: RosNode, topic: string): Offer[] {
  return node.publishersOf(topic).map((endpoint) => ({ ...endpoint, node: fullName(endpoint) }));
}

/** @returns 0 for a message without a stamp. */
function stampOf(message: RosMessage | undefined): number {
  const stamp = (message?.header as { stamp?: { sec?: unknown } } | undefined)?.stamp;
  return Number(stamp?.sec ?? 0);
}

function troubleOf({ code, message, remedy }: AgentError): Trouble {
  return { code, message, remedy };
}
