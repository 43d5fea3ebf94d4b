// ROS 2 as the agent uses it: whether it starts, whether the message types are installed, and which messages arrive on each configured
// topic. A process of its own looks at ROS for some seconds.
import { fork } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { ago, quoted, setupProgram } from '../../base/index.ts';
import { type ChannelConfig, type Config, publicationsOf } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { amentPrefixes, locateMessage, resolveDomainId } from '../../ros/index.ts';
import { type ChannelStatus, isOverdue, type Status } from '../../status/index.ts';
import type { Finding } from '../check.ts';
import { type DoctorContext, ok, type RobotCheck, robotCheck, skipped } from '../context.ts';
import type { Heard, RosLook, Trouble } from './rosLook.ts';

const ROS_WITHIN_MS = 30_000;
const LOOK_WITHIN_MS = 25_000;
/** A stamp that differs more than this from the clock is not current. */
const STALE_MS = 10_000;
/** An agent that runs for this long has heard every regular publisher. */
const SETTLED_AFTER_MS = 30_000;
const SHARED_MEMORY = '/dev/shm';

const looks = new WeakMap<DoctorContext, Promise<RosLook | Trouble | Crash>>();

/** The process ended without an answer. */
interface Crash {
  readonly crash: string;
}

function look(context: DoctorContext): Promise<RosLook | Trouble | Crash> {
  const found = looks.get(context) ?? lookInProcess(context);
  looks.set(context, found);
  return found;
}

function lookInProcess({ file, config }: DoctorContext): Promise<RosLook | Trouble | Crash> {
  const rules = Object.entries(config.ros.remap).flatMap(([from, to]) => ['-r', `${from}:=${to}`]);
  const args = ['doctor', '--ros-look', ...(file === undefined ? [] : ['--config', file]), '--ros-args', ...rules];
  const child = fork(process.argv[1] ?? '', args, {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    timeout: LOOK_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve) => {
    child.once('message', (answer) => resolve(answer as RosLook | Trouble));
    child.once('error', ({ message }) => resolve({ crash: message }));
    child.once('exit', (code, signal) => {
      if (signal === null) resolve({ crash: `exit code ${code}` });
      else resolve({ crash: child.killed ? `no answer within ${LOOK_WITHIN_MS / 1_000} s` : signal });
    });
  });
}

export const ros = robotCheck('ros', ROS_WITHIN_MS, async (context): Promise<Finding> => {
  const found = await look(context);
  if ('crash' in found) {
    const observed = `ROS 2 ended the process that used it (${found.crash})`;
    const command = `ros2 topic list`;
    return { status: 'error', observed, remedy: 'run this command in the same environment', command, because: ['clock', 'node'] };
  }
  if (!('topics' in found)) {
    const setup = /bin\/setup/.test(found.remedy ?? '') ? setupProgram() : undefined;
    const command = setup === undefined ? "env | grep -E '^(AMENT|RMW|ROS)_'" : quoted(setup);
    return { status: 'error', observed: found.message, remedy: found.remedy ?? 'see the documentation of this code', command };
  }
  return ok(`ROS 2 ${process.env.ROS_DISTRO ?? ''} starts, domain ${domainOf(context)}`);
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
  const command = /\(([^)]*apt install [^)]*)\)/.exec(first.error.remedy ?? '')?.[1];
  return {
    status: 'error',
    observed: missing.map(({ error, who }) => `${who}: ${error.message}`).join('; '),
    remedy: first.error.remedy ?? 'install it',
    ...(command === undefined ? {} : { command: `sudo ${command}` }),
  };
});

export const graph = robotCheck('graph', ROS_WITHIN_MS, async (context): Promise<Finding> => {
  const found = await look(context);
  if (!('topics' in found)) return { ...skipped('needs ROS 2'), because: ['ros'] };
  const other = await otherDomain(context, found);
  if (other) return other;
  if (found.topics.length > 0) return ok(`${found.topics.length} topics are published`);
  return {
    status: 'error',
    observed: `nothing at all is published in ROS domain ${domainOf(context)}`,
    remedy: 'start the robot’s nodes; if they run, compare ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE with theirs',
    command: `elderly-bot topics${context.flag}`,
  };
});

function domainOf({ config }: DoctorContext): number {
  return resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID);
}

/** Findings in one ROS domain say nothing about an agent in another domain. */
async function otherDomain(context: DoctorContext, { topics }: RosLook): Promise<Finding | undefined> {
  const agent = await context.agent;
  const here = domainOf(context);
  if (agent === undefined || agent.ros.domain_id === here) return undefined;
  const there = agent.ros.domain_id;
  const heard = agent.channels.filter(({ age_ms: age }) => age !== null).length;
  return {
    status: 'error',
    observed: `the running agent listens in ROS domain ${there} and heard ${heard} of ${agent.channels.length} channels there; this look was in domain ${here}, which has ${topics.length} published topics`,
    remedy:
      context.config.ros.domain_id === null
        ? `look in the agent’s domain; if ${here} is the robot’s, set ros.domain_id to it and restart the agent`
        : 'restart the agent: ros.domain_id was changed since its start',
    command:
      context.config.ros.domain_id === null ? `ROS_DOMAIN_ID=${there} elderly-bot doctor${context.flag}` : `elderly-bot run${context.flag}`,
  };
}

/** One check for each configured channel. */
export function channelChecks(config: Config): RobotCheck[] {
  return Object.entries(config.channels).map(([name, channel]) => ({
    code: 'channel',
    subject: name,
    deadlineMs: ROS_WITHIN_MS,
    run: async (context) => {
      const found = await look(context);
      if (!('topics' in found)) return { ...skipped('needs ROS 2'), because: ['ros'] };
      const heard = found.channels[name];
      if (!heard) return skipped('the channel is not subscribed');
      const agent = await context.agent;
      if (agent && agent.ros.domain_id !== domainOf(context)) {
        return { ...skipped('this look was in another ROS domain than the agent’s'), because: ['graph'] };
      }
      return channelFinding({ name, channel, heard, seconds: found.seconds, agent, flag: context.flag });
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
  const { topic, offers, types, qos, off, received, hasField, stamp } = heard;
  const see = `ros2 topic info --verbose ${topic}`;
  const error = (observed: string, remedy: string, command = see): Finding => ({
    status: 'error',
    observed: `${topic}: ${observed}`,
    remedy,
    command,
  });
  if (off) return { ...error(off.message, off.remedy ?? 'correct its entry in the configuration'), because: ['message_types', 'ros'] };
  if (offers.length === 0) {
    return error('the topic has no publisher', 'start its node, or correct the name of the topic', `elderly-bot topics${flag}`);
  }
  const by = offers.map(({ node }) => node).join(', ');
  if (types !== undefined) return error(types, 'set the channel’s type to the published type, or to auto');
  if (qos !== undefined) return error(qos, 'set the channel’s qos to auto, or to the publisher’s');
  const problem = agent?.problems.find(({ subject }) => subject === name);
  if (problem) return { status: 'error', observed: problem.text, remedy: problem.remedy, command: `elderly-bot status${flag}` };
  if (hasField === false) {
    return error(`its messages have no field ${channel.field}`, 'set the channel’s field', `ros2 interface show ${offers[0]?.type ?? ''}`);
  }
  const stale = staleness(stamp, Date.now());
  if (stale !== undefined) {
    return {
      status: 'warning',
      observed: `${topic}: ${stale}`,
      remedy: 'compare the clocks; a played recording has old stamps',
      command: `ros2 topic echo --once ${topic}`,
    };
  }
  const status = agent?.channels.find((each) => each.name === name);
  if (received > 0 && agent && status?.age_ms === null && agent.uptime_ms > SETTLED_AFTER_MS) {
    const observed = `comes here from ${by}, and the running agent never heard it`;
    const remedy = 'run agent, robot and this shell as one user, with one RMW_IMPLEMENTATION and one ROS_AUTOMATIC_DISCOVERY_RANGE';
    return error(observed, remedy, `elderly-bot status${flag}`);
  }
  const rate = `${Math.round((10 * received) / seconds) / 10} Hz`;
  if (received > 0) return ok(`${topic} by ${by}, ${rate}`);
  return nothingHeard({ topic, by, channel, seconds, status });
}

function nothingHeard(given: {
  topic: string;
  by: string;
  channel: ChannelConfig;
  seconds: number;
  /** The channel's status in the running agent. */
  status: ChannelStatus | undefined;
}): Finding {
  const { topic, by, channel, seconds, status } = given;
  const observed = `${topic}: ${by} is there, and no message came in ${Math.round(seconds)} s`;
  if (status && isOverdue(status)) {
    return {
      status: 'warning',
      observed: `${observed}; the running agent heard ${status.messages} messages, never more than ${ago(status.longest_gap_ms ?? 0)} apart, the last ${ago(status.age_ms ?? 0)} ago`,
      remedy: 'check the sensor and its node; with max_silence its silence becomes an alert',
      command: `ros2 topic hz ${topic}`,
    };
  }
  if (status && status.age_ms !== null) return ok(`${observed}; the running agent heard it ${ago(status.age_ms)} ago`);
  const others = othersSharedMemory();
  if (others !== undefined) {
    return {
      status: 'error',
      observed: `${observed}; user ${others} has shared memory for it that this user cannot open`,
      remedy: 'run agent and robot as one user, or let both use the network',
      command: 'export FASTDDS_BUILTIN_TRANSPORTS=UDPv4',
    };
  }
  if (channel.class === 'alert' && channel.max_silence === undefined)
    return ok(`${observed}; that is normal for a topic that only publishes changes`);
  return {
    status: 'warning',
    observed,
    remedy: 'check the sensor and its node: the node runs and publishes nothing',
    command: `ros2 topic hz ${topic}`,
  };
}

/** @param stamp seconds since 1970; 0: the message has none. */
function staleness(stamp: number, nowMs: number): string | undefined {
  if (!(stamp > 0)) return undefined;
  const apart = nowMs - stamp * 1_000;
  return Math.abs(apart) > STALE_MS
    ? `its stamps are ${Math.round(Math.abs(apart) / 1_000)} s ${apart > 0 ? 'old' : 'in the future'}`
    : undefined;
}

/** Fast DDS passes messages through files of the publisher's user: another user discovers the publisher and receives nothing. */
function othersSharedMemory(): number | undefined {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0 || !existsSync(SHARED_MEMORY)) return undefined;
  const owners = readdirSync(SHARED_MEMORY)
    .filter((name) => name.startsWith('fastrtps_'))
    .map((name) => statSync(`${SHARED_MEMORY}/${name}`, { throwIfNoEntry: false })?.uid);
  return owners.find((owner) => owner !== undefined && owner !== uid);
}
