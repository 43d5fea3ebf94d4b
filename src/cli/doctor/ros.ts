// ROS 2 as the agent meets it: does it start, are the message types there, and what comes on each configured topic while it is
// looked at. The doctor has a node of its own beside a running agent, subscribes, and publishes nothing.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelConfig, type Config, publicationsOf } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import {
  absoluteTopic,
  amentPrefixes,
  locateMessage,
  type RosMessage,
  type RosNode,
  type RosSubscription,
  startRosNode,
} from '../../ros/index.ts';
import { fieldReader, match, type Offer } from '../../sensing/index.ts';
import type { Finding, Status } from '../../status/index.ts';
import { ok, type Patient, type RobotCheck, robotCheck, skipped } from './patient.ts';

/** DDS finds the others within this time on a machine that is busy; where all are found, there is no need to wait. */
const DISCOVERY_MS = 6_000;
const LOOK_EVERY_MS = 100;
/** What rmw says while it knows the publisher and not yet whose it is. */
const UNNAMED = '_NODE_NAME_UNKNOWN_';
const LISTEN_MS = 3_000;
/** A publisher that is there and was not heard gets more time: on a busy machine the two ends take a while to match. */
const LISTEN_LONGER_MS = 7_000;
const ROS_WITHIN_MS = 20_000;
/** A header's time further away than this is not of now. */
const STALE_MS = 10_000;
const NODES_OWN = ['/rosout', '/parameter_events'];
const SHARED_MEMORY = '/dev/shm';

interface Heard {
  readonly topic: string;
  readonly offers: readonly Offer[];
  readonly types: string | undefined;
  readonly qos: string | undefined;
  /** Why it could not be subscribed. */
  readonly off: AgentError | undefined;
  readonly received: number;
  readonly last: RosMessage | undefined;
}

interface RosLook {
  readonly seconds: number;
  readonly topics: readonly string[];
  readonly channels: Readonly<Record<string, Heard>>;
}

const looks = new WeakMap<Patient, Promise<RosLook | AgentError>>();

function look(patient: Patient): Promise<RosLook | AgentError> {
  const found = looks.get(patient) ?? lookOnce(patient.config);
  looks.set(patient, found);
  return found;
}

async function lookOnce(config: Config): Promise<RosLook | AgentError> {
  const { namespace, domain_id: domainId } = config.ros;
  let node: RosNode;
  try {
    node = await startRosNode({ name: 'elderly_bot_doctor', namespace, ...(domainId === null ? {} : { domainId }) });
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  try {
    await discovered(node, config);
    const listening = Object.entries(config.channels).map(([name, channel]) => [name, listen(node, channel, config)] as const);
    const startedMs = performance.now();
    await sleep(LISTEN_MS);
    const isSilent = ([, heard]: (typeof listening)[number]) => heard().offers.length > 0 && heard().received === 0;
    while (listening.some(isSilent) && performance.now() - startedMs < LISTEN_LONGER_MS) await sleep(LOOK_EVERY_MS);
    const seconds = (performance.now() - startedMs) / 1_000;
    const topics = node.topics().map(({ topic }) => topic);
    const published = topics.filter((topic) => !NODES_OWN.includes(topic) && node.publishersOf(topic).length > 0);
    return { seconds, topics: published, channels: Object.fromEntries(listening.map(([name, heard]) => [name, heard()])) };
  } finally {
    await node.stop();
  }
}

async function discovered(node: RosNode, { channels, ros }: Config): Promise<void> {
  const wanted = Object.values(channels).map(({ topic }) => absoluteTopic(topic, ros.namespace, ros.node_name));
  for (const untilMs = performance.now() + DISCOVERY_MS; performance.now() < untilMs; await sleep(LOOK_EVERY_MS)) {
    const offers = wanted.map((topic) => offersOn(node, topic));
    if (offers.every((each) => each.length > 0 && each.every(({ node: name }) => !name.endsWith(UNNAMED)))) return;
  }
}

function listen(node: RosNode, channel: ChannelConfig, { ros }: Config): () => Heard {
  const topic = absoluteTopic(channel.topic, ros.namespace, ros.node_name);
  const { wanted } = match(channel, offersOn(node, topic));
  let last: RosMessage | undefined;
  let subscription: RosSubscription | undefined;
  let off: AgentError | undefined;
  try {
    if (wanted) {
      const onMessage = (message: RosMessage) => {
        last = message;
      };
      subscription = node.subscribe({ topic, ...wanted, maxPerSecond: 2, onMessage, onError: () => {} });
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    off = error;
  }
  return () => {
    const offers = offersOn(node, topic);
    const { types, qos } = match(channel, offers);
    return { topic, offers, types, qos, off, received: subscription?.received ?? 0, last };
  };
}

function offersOn(node: RosNode, topic: string): Offer[] {
  return node
    .publishersOf(topic)
    .map(({ node: name, namespace, ...rest }) => ({ node: `${namespace === '/' ? '' : namespace}/${name}`, ...rest }));
}

export const ros = robotCheck('ros', ROS_WITHIN_MS, async (patient): Promise<Finding> => {
  const found = await look(patient);
  if (found instanceof AgentError) {
    return {
      status: 'error',
      seen: found.message,
      do: found.todo ?? 'see the documentation of this code',
      command: `bin/with-ros elderly-bot doctor${patient.flag}`,
    };
  }
  const { ROS_DISTRO: distro, ROS_DOMAIN_ID: domain } = process.env;
  return ok(`ROS 2 ${distro ?? ''} starts, domain ${patient.config.ros.domain_id ?? domain ?? 0}`);
});

export const messageTypes = robotCheck('message_types', 5_000, ({ config }): Finding => {
  const prefixes = amentPrefixes();
  if (prefixes.length === 0) return { ...skipped('needs a ROS 2 environment'), because: ['ros'] };
  const types = new Map<string, string>();
  for (const [name, { type }] of Object.entries(config.channels)) if (type !== undefined) types.set(type, `channel ${name}`);
  for (const [name, command] of Object.entries(config.commands)) {
    for (const { type } of publicationsOf(command)) types.set(type, `command ${name}`);
    if (command.confirm?.type !== undefined) types.set(command.confirm.type, `command ${name}`);
  }
  const missing = [...types].flatMap(([type, who]) => {
    try {
      locateMessage(type, prefixes);
      return [];
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return [{ error, who }];
    }
  });
  const [first] = missing;
  if (!first) return ok(`${types.size} types of channels and commands are installed`);
  const command = /\(([^)]*apt install [^)]*)\)/.exec(first.error.todo ?? '')?.[1];
  return {
    status: 'error',
    seen: missing.map(({ error, who }) => `${who}: ${error.message}`).join('; '),
    do: first.error.todo ?? 'install it',
    ...(command === undefined ? {} : { command: `sudo ${command}` }),
  };
});

export const graph = robotCheck('graph', ROS_WITHIN_MS, async (patient): Promise<Finding> => {
  const found = await look(patient);
  if (found instanceof AgentError) return { ...skipped('needs ROS 2'), because: ['ros'] };
  if (found.topics.length > 0) return ok(`${found.topics.length} topics are published`);
  const domain = patient.config.ros.domain_id ?? process.env.ROS_DOMAIN_ID ?? 0;
  return {
    status: 'error',
    seen: `nothing at all is published in ROS domain ${domain}`,
    do: 'start the robot’s nodes; if they run, compare ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE with theirs',
    command: `elderly-bot topics${patient.flag}`,
  };
});

/** One check for each configured channel. */
export function channelChecks(config: Config): RobotCheck[] {
  return Object.entries(config.channels).map(([name, channel]) => ({
    code: 'channel',
    subject: name,
    deadlineMs: ROS_WITHIN_MS,
    run: async (patient) => {
      const found = await look(patient);
      if (found instanceof AgentError) return { ...skipped('needs ROS 2'), because: ['ros'] };
      const heard = found.channels[name];
      if (!heard) return skipped('it is not subscribed');
      return channelFinding({ name, channel, heard, seconds: found.seconds, agent: await patient.agent, flag: patient.flag });
    },
  }));
}

interface ChannelLook {
  readonly name: string;
  readonly channel: ChannelConfig;
  readonly heard: Heard;
  readonly seconds: number;
  readonly agent: Status | undefined;
  readonly flag: string;
}

function channelFinding({ name, channel, heard, seconds, agent, flag }: ChannelLook): Finding {
  const { topic, offers, types, qos, off, received, last } = heard;
  const see = `ros2 topic info --verbose ${topic}`;
  const error = (seen: string, todo: string, command = see): Finding => ({ status: 'error', seen: `${topic}: ${seen}`, do: todo, command });
  if (off) return { ...error(off.message, off.todo ?? 'mend its entry'), because: ['message_types', 'ros'] };
  if (offers.length === 0) {
    return error('nobody publishes it', 'start the node that does, or give the topic’s right name', `elderly-bot topics${flag}`);
  }
  const by = offers.map(({ node }) => node).join(', ');
  if (types !== undefined) return error(types, 'set the channel’s type to what is published, or to auto');
  if (qos !== undefined) return error(qos, 'set the channel’s qos to auto, or to what the publisher offers');
  const complaint = agent?.problems.find(({ subject }) => subject === name);
  if (complaint) return { status: 'error', seen: complaint.text, do: complaint.todo, command: `elderly-bot status${flag}` };
  if (last !== undefined && !channel.diagnostics && fieldReader(channel.field)(last) === undefined) {
    return error(`its messages have no field ${channel.field}`, 'set the channel’s field', `ros2 interface show ${offers[0]?.type ?? ''}`);
  }
  const stale = staleness(last, Date.now());
  if (stale !== undefined) {
    return {
      status: 'warning',
      seen: `${topic}: ${stale}`,
      do: 'compare the clocks; a recording that is played has old times',
      command: `ros2 topic echo --once ${topic}`,
    };
  }
  const rate = `${Math.round((10 * received) / seconds) / 10} Hz`;
  if (received > 0) return ok(`${topic} by ${by}, ${rate}`);
  return nothingHeard({ topic, by, channel, seconds, agentAgeMs: agent?.channels.find((each) => each.name === name)?.age_ms ?? undefined });
}

function nothingHeard(given: {
  topic: string;
  by: string;
  channel: ChannelConfig;
  seconds: number;
  agentAgeMs: number | undefined;
}): Finding {
  const { topic, by, channel, seconds, agentAgeMs } = given;
  const seen = `${topic}: ${by} is there, and nothing came in ${Math.round(seconds)} s`;
  if (agentAgeMs !== undefined) return ok(`${seen}; the running agent heard it ${Math.round(agentAgeMs / 1_000)} s ago`);
  const others = othersSharedMemory();
  if (others !== undefined) {
    return {
      status: 'error',
      seen: `${seen}; user ${others} has shared memory for it that this user can’t open`,
      do: 'run agent and robot as one user, or let both use the network',
      command: 'export FASTDDS_BUILTIN_TRANSPORTS=UDPv4',
    };
  }
  if (channel.class === 'alert' && channel.max_silence === undefined) return ok(`${seen}, as it may be where only changes are published`);
  return { status: 'warning', seen, do: 'look at the sensor and its node: it is there and silent', command: `ros2 topic hz ${topic}` };
}

function staleness(message: RosMessage | undefined, nowMs: number): string | undefined {
  const stamp = (message?.header as { stamp?: { sec?: unknown; nanosec?: unknown } } | undefined)?.stamp;
  const seconds = Number(stamp?.sec ?? 0);
  // Zero: whoever publishes it does not stamp.
  if (!(seconds > 0)) return undefined;
  const apart = nowMs - seconds * 1_000;
  return Math.abs(apart) > STALE_MS
    ? `its stamps are ${Math.round(Math.abs(apart) / 1_000)} s ${apart > 0 ? 'old' : 'in the future'}`
    : undefined;
}

/** Fast DDS shares memory through files of the publisher's user: another user finds it in the graph and gets nothing. */
function othersSharedMemory(): number | undefined {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0 || !existsSync(SHARED_MEMORY)) return undefined;
  const owners = readdirSync(SHARED_MEMORY)
    .filter((name) => name.startsWith('fastrtps_'))
    .map((name) => statSync(`${SHARED_MEMORY}/${name}`, { throwIfNoEntry: false })?.uid);
  return owners.find((owner) => owner !== undefined && owner !== uid);
}
