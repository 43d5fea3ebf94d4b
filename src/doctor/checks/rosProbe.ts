// Probes ROS 2 for the doctor, in a separate process, because some ROS errors abort the whole process. The probe subscribes to each
// channel's topic for a few seconds and publishes nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/index.ts';
import { type ChannelConfig, type Config, isOwnNode, loadConfig, type Remap } from '../../config/index.ts';
import { AgentError, type ErrorCode } from '../../errors.ts';
import {
  discoveryServer,
  domainsInUse,
  isNamed,
  match,
  namedPublishers,
  type Offer,
  type RosMessage,
  type RosNode,
  type RosSubscription,
  resolveDomainId,
} from '../../ros/index.ts';
import { Channel, type Published, stampOf, type Unusable } from '../../sensing/index.ts';
import { isServerThere, joinDomain, lookElsewhere, type OtherDomain, othersIn } from './surroundings.ts';

/** How long discovery may take on a busy machine. The wait ends early once all channels' publishers have been discovered. */
const DISCOVERY_MS = 6_000;
const POLL_EVERY_MS = 100;
const LISTEN_MS = 3_000;
/** How long to listen if a publisher has been discovered but has sent nothing: on a busy machine, DDS takes longer to match endpoints. */
const LISTEN_LONGER_MS = 7_000;

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
  readonly definition?: string | undefined;
  readonly unkept?: string | undefined;
  /** The error if the topic could not be subscribed to. */
  readonly failure?: ProbeFailure | undefined;
  readonly received: number;
  /** Why the last message is unusable; undefined if it is usable, or if no message arrived. */
  readonly unusable?: Unusable | undefined;
  /** The last message's header stamp in milliseconds since 1970; undefined if it has no stamp. */
  readonly stamp?: number | undefined;
}

export interface RosProbe {
  readonly seconds: number;
  /** Nodes of others in this domain, in alphabetical order. */
  readonly nodes: readonly string[];
  /** The topics that they publish. */
  readonly topics: readonly Published[];
  /** Undefined if the environment names no discovery server. */
  readonly isServerAnswering: boolean | undefined;
  /** Other domains with topics. Empty if a channel's topic is published in this domain. */
  readonly elsewhere: readonly OtherDomain[];
  /** How many programs of this machine use the ports of this domain and cannot be seen. 0 if a node of others can be seen. */
  readonly invisible: number;
  readonly channels: Readonly<Record<string, ChannelProbe>>;
}

/**
 * Runs in the probe process. Probes ROS and sends the result to the parent process, or the error if ROS does not start. The result must be
 * sent before ROS is stopped, because ROS may hang while stopping.
 */
export async function probeAndReport(file: string | undefined, remap: Remap): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true, remap });
  const joined: RosNode[] = [];
  let node: RosNode;
  let domain: number;
  try {
    domain = resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID);
    node = await joinDomain(config, domain);
    joined.push(node);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    await send(failureOf(error));
    return 0;
  }
  try {
    await send(await probe({ node, config, domain, joined }));
  } finally {
    for (const each of joined) await each.stop();
  }
  return 0;
}

function send(answer: RosProbe | ProbeFailure): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(answer, () => resolve());
    else resolve();
  });
}

interface Probing {
  readonly node: RosNode;
  readonly config: Config;
  readonly domain: number;
  /** All nodes that the probe has started. */
  readonly joined: RosNode[];
}

async function probe({ node, config, domain, joined }: Probing): Promise<RosProbe> {
  const offersOn = (topic: string) => namedPublishers(node, topic).filter(({ node: name }) => !isOwnNode(name, config.ros));
  const wanted = Object.values(config.channels).map(({ topic }) => topic);
  await waitForDiscovery(() => wanted.map(offersOn));
  const invisible = othersIn(node, config).nodes.length > 0 ? 0 : (domainsInUse().get(domain) ?? 0) - node.nodes().length;
  const listening = Object.entries(config.channels).map(([name, channel]) => [name, listen(node, name, channel, offersOn)] as const);
  const startedMs = performance.now();
  const hasServer = discoveryServer(process.env) !== undefined;
  // A discovery server connects nodes of all domains, so no other domain can have more topics.
  const isFound = hasServer || wanted.some((topic) => offersOn(topic).length > 0);
  const [elsewhere, isServerAnswering] = await Promise.all([
    isFound ? [] : lookElsewhere(config, domain, joined),
    hasServer ? isServerThere(node, config, domain, joined) : undefined,
    sleep(LISTEN_MS),
  ]);
  const isSilent = ([, { isReceiving, topic }]: (typeof listening)[number]) => !isReceiving() && offersOn(topic).length > 0;
  while (listening.some(isSilent) && performance.now() - startedMs < LISTEN_LONGER_MS) await sleep(POLL_EVERY_MS);
  const seconds = (performance.now() - startedMs) / 1_000;
  const channels = Object.fromEntries(listening.map(([name, { result }]) => [name, result()]));
  return { seconds, ...othersIn(node, config), channels, isServerAnswering, elsewhere, invisible: Math.max(0, invisible) };
}

/** Waits until all channels have named publishers, or for a limited time. */
async function waitForDiscovery(offers: () => readonly (readonly Offer[])[]): Promise<void> {
  const isComplete = () => offers().every((each) => each.length > 0 && each.every(({ node }) => isNamed(node)));
  for (const untilMs = performance.now() + DISCOVERY_MS; performance.now() < untilMs; await sleep(POLL_EVERY_MS)) {
    if (isComplete()) return;
  }
}

interface Listening {
  readonly topic: string;
  isReceiving(): boolean;
  /** Ends the channel's judgement, so it must be called once, at the end. */
  result(): ChannelProbe;
}

function listen(node: RosNode, name: string, config: ChannelConfig, offersOn: (topic: string) => readonly Offer[]): Listening {
  const { topic } = config;
  const { wanted } = match(config, offersOn(topic));
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
    const offers = offersOn(topic);
    const { types, qos, definition, unkept } = match(config, offers);
    // A latched detector sends one message, so one unusable message is enough here.
    channel.elapse(Number.POSITIVE_INFINITY);
    const { unusable } = channel;
    return { topic, offers, types, qos, definition, unkept, failure, received: received(), unusable, stamp: last && stampOf(last) };
  };
  return { topic, isReceiving: () => received() > 0, result };
}

function failureOf({ code, message, remedy }: AgentError): ProbeFailure {
  return { code, message, remedy };
}
