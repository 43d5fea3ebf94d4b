// Checks ROS 2 as the agent uses it: whether it starts, whether the message types are installed, and what arrives on each channel's topic.
// To find out, a separate process (rosProbe.ts) subscribes to the topics for a few seconds.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { ago, quoted, setupProgram } from '../../base/index.ts';
import { type ChannelConfig, type Config, cameraTypes, inWords, publicationsOf } from '../../config/index.ts';
import { type ConfigFinding, channelErrors } from '../../configCheck/index.ts';
import { AgentError } from '../../errors.ts';
import { amentPrefixes, installCommand, installedMessages, locateMessage } from '../../ros/index.ts';
import { didYouMean, reasonText } from '../../sensing/index.ts';
import { type ChannelStatus, isOverdue, PROBLEMS, type Status } from '../../status/index.ts';
import { CHECKS } from '../catalogue.ts';
import { error, type Finding, ok, skipped, warning } from '../check.ts';
import { oncePerRobot, type RobotCheck, robotCheck } from '../context.ts';
import { problemFinding } from './agent.ts';
import { domainOf, probe, ROS_WITHIN_MS } from './probed.ts';
import type { ChannelProbe } from './rosProbe.ts';

/** A message whose stamp differs from the clock by more than this is reported as stale. */
const STALE_MS = 10_000;
/** An agent that has been up this long should have received a message on every topic on which messages arrive here. */
const WARMED_UP_AFTER_MS = 30_000;
const SHARED_MEMORY = '/dev/shm';

export const ros = robotCheck('ros', ROS_WITHIN_MS, async (context) => {
  const found = await probe(context);
  if ('crash' in found) {
    const observed = `ROS 2 ended the process that used it (${found.crash})`;
    return error(observed, 'run this command in the same environment', `elderly-bot topics${context.flag}`, ['clock', 'node']);
  }
  if (!('topics' in found)) {
    const setup = /bin\/setup/.test(found.remedy ?? '') ? setupProgram() : undefined;
    const command = setup === undefined ? "env | grep -E '^(AMENT|RMW|ROS)_'" : quoted(setup);
    return error(found.message, found.remedy ?? `see ${found.code} in docs/reference/errors.md`, command);
  }
  return ok(`ROS 2 ${process.env.ROS_DISTRO ?? ''} starts, domain ${domainOf(context)}`);
});

export const messageTypes = robotCheck('message_types', 5_000, ({ config }): Finding => {
  const prefixes = amentPrefixes();
  if (prefixes.length === 0) return skipped('needs a ROS 2 environment', 'ros');
  const types = new Map<string, string>();
  for (const [name, { type }] of Object.entries(config.channels)) if (type !== undefined) types.set(type, `channel ${name}`);
  for (const [name, camera] of Object.entries(config.cameras)) for (const type of cameraTypes(camera)) types.set(type, `camera ${name}`);
  for (const [name, command] of Object.entries(config.commands)) {
    for (const { type } of publicationsOf(command)) types.set(type, `command ${name}`);
    if (command.confirm?.type !== undefined) types.set(command.confirm.type, `command ${name}`);
  }
  const missing = [...types].flatMap(([type, owner]) => {
    try {
      locateMessage(type);
      return [];
    } catch (cause) {
      if (!(cause instanceof AgentError)) throw cause;
      return [{ cause, owner }];
    }
  });
  const [first] = missing;
  if (!first) return ok(`${types.size} types of channels, cameras and commands are installed`);
  const { remedy = 'install the package of the type' } = first.cause;
  const needed = missing.flatMap(({ cause: { fields } }) => (typeof fields.package === 'string' ? [fields.package] : []));
  const packages = [...new Set(needed)].filter((pkg) => installedMessages(pkg, prefixes).length === 0);
  const observed = missing.map(({ cause, owner }) => `${owner}: ${cause.message}`).join('; ');
  return { status: 'error', observed, remedy, ...(packages.length === 0 ? {} : { command: installCommand(packages) }) };
});

const entryFaults = oncePerRobot(({ loaded }) => channelErrors(loaded));

export function channelChecks(config: Config): RobotCheck[] {
  return Object.entries(config.channels).map(([name, channel]) => ({
    code: 'channel',
    subject: name,
    deadlineMs: ROS_WITHIN_MS,
    run: async (context) => {
      const found = await probe(context);
      if (!('topics' in found)) return skipped('needs ROS 2', 'ros');
      const probed = found.channels[name];
      if (!probed) return skipped('the channel is not subscribed');
      const agent = await context.agent;
      if (agent && agent.ros.domain_id !== domainOf(context)) return skipped('the agent uses another ROS domain', 'graph');
      const meant = didYouMean(config, found.topics).channel(name);
      const fault = entryFaults(context).get(name);
      return channelFinding({ name, channel, probed, meant, fault, seconds: found.seconds, agent, flag: context.flag });
    },
  }));
}

interface ProbedChannel {
  readonly name: string;
  readonly channel: ChannelConfig;
  readonly probed: ChannelProbe;
  /** A question that names the topic that was probably meant, if the channel's has no publisher. */
  readonly meant: string | undefined;
  /** Why the entry can never work with its type, also if no message has arrived yet. */
  readonly fault: ConfigFinding | undefined;
  readonly seconds: number;
  readonly agent: Status | undefined;
  readonly flag: string;
}

function channelFinding({ name, channel, probed, meant, fault, seconds, agent, flag }: ProbedChannel): Finding {
  const { topic, offers, types, qos, definition, unkept, failure, received, unusable, stamp } = probed;
  const info = `elderly-bot topics show ${topic}${flag}`;
  if (failure) {
    // The check of message types reports only configured types, and those of all channels together.
    const isReported = failure.code === 'ROS_TYPE_UNKNOWN' && channel.type !== undefined;
    const because = isReported ? [...CHECKS.channel.because, 'message_types' as const] : undefined;
    return error(`${topic}: ${failure.message}`, failure.remedy ?? 'correct the channel’s entry', info, because);
  }
  if (offers.length === 0) {
    const observed = `${topic}: the topic has no publisher${meant === undefined ? '' : `; ${meant}`}`;
    const remedy =
      meant === undefined ? 'start its node, or correct the name of the topic' : 'correct the channel’s topic, or start its node';
    return error(observed, remedy, `elderly-bot topics${flag}`);
  }
  if (types !== undefined) return error(`${topic}: ${types}`, 'set the channel’s type to the published type, or to auto', info);
  if (qos !== undefined) return error(`${topic}: ${qos}`, 'set the channel’s qos to auto, or to the publisher’s', info);
  if (definition !== undefined) return error(`${topic}: ${definition}`, PROBLEMS.channel_definition_differs.remedy, info);
  const problem = agent?.problems.find(({ subject }) => subject === name);
  const report = channel.class === 'alert' ? error : warning;
  if (problem) return problemFinding(problem, flag);
  if (unusable) {
    const { suggestion } = unusable;
    const observed = `${topic}: no message can be used, because ${reasonText(unusable)}`;
    const remedy = suggestion === null ? 'correct the channel’s entry, or its publisher' : `in the channel’s entry, ${inWords(suggestion)}`;
    return report(observed, remedy, info);
  }
  if (fault) {
    const remedy = fault.suggestion === null ? 'correct the channel’s entry' : `in the channel’s entry, ${inWords(fault.suggestion)}`;
    return report(`${topic}: ${fault.reason}`, remedy, `elderly-bot config check${flag}`);
  }
  const apartMs = stamp === undefined ? 0 : Date.now() - stamp;
  if (Math.abs(apartMs) > STALE_MS) {
    const age = `${Math.round(Math.abs(apartMs) / 1_000)} s ${apartMs > 0 ? 'old' : 'in the future'}`;
    const remedy = 'compare the clocks; a played recording has old stamps';
    return warning(`${topic}: its stamps are ${age}`, remedy, `elderly-bot topics echo ${topic} --once${flag}`);
  }
  const publishers = offers.map(({ node }) => node).join(', ');
  const status = agent?.channels.find((each) => each.name === name);
  if (received === 0)
    return silentFinding(
      `${topic}: ${publishers} is its publisher, but no message arrived in ${Math.round(seconds)} s`,
      `elderly-bot topics hz ${topic} --for 10s${flag}`,
      channel,
      status,
    );
  if (agent && status?.age_ms === null && agent.uptime_ms > WARMED_UP_AFTER_MS) {
    const observed = `${topic}: messages of ${publishers} arrive here, but the running agent never received one`;
    const remedy = 'run agent, robot and this shell as one user, with one RMW_IMPLEMENTATION and one ROS_AUTOMATIC_DISCOVERY_RANGE';
    return error(observed, remedy, `elderly-bot status${flag}`);
  }
  if (unkept !== undefined) return warning(`${topic}: ${unkept}`, PROBLEMS.channel_keeps_nothing.remedy, info);
  return ok(`${topic} by ${publishers}, ${Math.round((10 * received) / seconds) / 10} Hz`);
}

/** Decides whether silence is a fault. @param status the channel's status in the running agent. */
function silentFinding(observed: string, command: string, channel: ChannelConfig, status: ChannelStatus | undefined): Finding {
  if (status && isOverdue(status)) {
    const { messages, longest_gap_ms: gap, age_ms: age } = status;
    const history = `the running agent received ${messages} messages, never more than ${ago(gap ?? 0)} apart, the last ${ago(age ?? 0)} ago`;
    return warning(`${observed}; ${history}`, 'check the sensor and its node; with max_silence its silence becomes an alert', command);
  }
  if (status && status.age_ms !== null) return ok(`${observed}; the running agent received one ${ago(status.age_ms)} ago`);
  const other = otherUserOfSharedMemory();
  if (other !== undefined) {
    return error(
      `${observed}; user ${other} has shared memory for it that this user cannot open`,
      'run agent and robot as one user, or let both use the network',
      'export FASTDDS_BUILTIN_TRANSPORTS=UDPv4',
    );
  }
  if (channel.class === 'alert' && channel.max_silence === undefined)
    return ok(`${observed}; that is normal for a topic that only publishes ${channel.event ? 'events' : 'changes'}`);
  return warning(observed, 'check the sensor and its node: the node runs, but publishes nothing', command);
}

/**
 * Returns another user who has Fast DDS shared memory. Fast DDS passes messages between local processes through files in /dev/shm that only
 * the publisher's user can open, so a subscriber that runs as another user discovers the publisher but receives nothing.
 */
function otherUserOfSharedMemory(): number | undefined {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0 || !existsSync(SHARED_MEMORY)) return undefined;
  return readdirSync(SHARED_MEMORY)
    .filter((name) => name.startsWith('fastrtps_'))
    .map((name) => statSync(`${SHARED_MEMORY}/${name}`, { throwIfNoEntry: false })?.uid)
    .find((owner) => owner !== undefined && owner !== uid);
}
