// ROS 2 as the agent meets it: does it start, are the message types there, and what comes on each configured topic while it is
// looked at, by a process of its own.
import { fork } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { ago, quoted, setupProgram } from '../../base/index.ts';
import { type ChannelConfig, type Config, publicationsOf } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { amentPrefixes, locateMessage, resolveDomainId } from '../../ros/index.ts';
import { type ChannelStatus, isOverdue, type Status } from '../../status/index.ts';
import type { Finding } from '../check.ts';
import { ok, type Patient, type RobotCheck, robotCheck, skipped } from '../context.ts';
import type { Heard, RosLook, Trouble } from './rosLook.ts';

const ROS_WITHIN_MS = 30_000;
const LOOK_WITHIN_MS = 25_000;
/** A header's time further away than this is not of now. */
const STALE_MS = 10_000;
/** By then an agent has heard whoever publishes all the time. */
const SETTLED_AFTER_MS = 30_000;
const SHARED_MEMORY = '/dev/shm';

const looks = new WeakMap<Patient, Promise<RosLook | Trouble | Crash>>();

/** The look ended without a word. */
interface Crash {
  readonly crash: string;
}

function look(patient: Patient): Promise<RosLook | Trouble | Crash> {
  const found = looks.get(patient) ?? lookElsewhere(patient);
  looks.set(patient, found);
  return found;
}

function lookElsewhere({ file, config }: Patient): Promise<RosLook | Trouble | Crash> {
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
      else resolve({ crash: child.killed ? `no answer in ${LOOK_WITHIN_MS / 1_000} s` : signal });
    });
  });
}

export const ros = robotCheck('ros', ROS_WITHIN_MS, async (patient): Promise<Finding> => {
  const found = await look(patient);
  if ('crash' in found) {
    const observed = `ROS 2 ended the process that looked at it (${found.crash})`;
    const command = `ros2 topic list`;
    return { status: 'error', observed, remedy: 'try this in the same environment', command, because: ['clock', 'node'] };
  }
  if (!('topics' in found)) {
    const setup = /bin\/setup/.test(found.todo ?? '') ? setupProgram() : undefined;
    const command = setup === undefined ? "env | grep -E '^(AMENT|RMW|ROS)_'" : quoted(setup);
    return { status: 'error', observed: found.message, remedy: found.todo ?? 'see the documentation of this code', command };
  }
  return ok(`ROS 2 ${process.env.ROS_DISTRO ?? ''} starts, domain ${domainOf(patient)}`);
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
    observed: missing.map(({ error, who }) => `${who}: ${error.message}`).join('; '),
    remedy: first.error.todo ?? 'install it',
    ...(command === undefined ? {} : { command: `sudo ${command}` }),
  };
});

export const graph = robotCheck('graph', ROS_WITHIN_MS, async (patient): Promise<Finding> => {
  const found = await look(patient);
  if (!('topics' in found)) return { ...skipped('needs ROS 2'), because: ['ros'] };
  const elsewhere = await elsewhereThan(patient, found);
  if (elsewhere) return elsewhere;
  if (found.topics.length > 0) return ok(`${found.topics.length} topics are published`);
  return {
    status: 'error',
    observed: `nothing at all is published in ROS domain ${domainOf(patient)}`,
    remedy: 'start the robot’s nodes; if they run, compare ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE with theirs',
    command: `elderly-bot topics${patient.flag}`,
  };
});

function domainOf({ config }: Patient): number {
  return resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID);
}

/** What is found in one ROS domain says nothing of an agent that listens in another. */
async function elsewhereThan(patient: Patient, { topics }: RosLook): Promise<Finding | undefined> {
  const agent = await patient.agent;
  const here = domainOf(patient);
  if (agent === undefined || agent.ros.domain_id === here) return undefined;
  const there = agent.ros.domain_id;
  const heard = agent.channels.filter(({ age_ms: age }) => age !== null).length;
  return {
    status: 'error',
    observed: `the running agent listens in ROS domain ${there}, where it heard ${heard} of ${agent.channels.length} channels; this look was in domain ${here}, where ${topics.length} topics are published`,
    remedy:
      patient.config.ros.domain_id === null
        ? `look in the agent’s domain; if ${here} is the robot’s, set ros.domain_id to it and start the agent anew`
        : 'start the agent anew: ros.domain_id was changed since',
    command:
      patient.config.ros.domain_id === null ? `ROS_DOMAIN_ID=${there} elderly-bot doctor${patient.flag}` : `elderly-bot run${patient.flag}`,
  };
}

/** One check for each configured channel. */
export function channelChecks(config: Config): RobotCheck[] {
  return Object.entries(config.channels).map(([name, channel]) => ({
    code: 'channel',
    subject: name,
    deadlineMs: ROS_WITHIN_MS,
    run: async (patient) => {
      const found = await look(patient);
      if (!('topics' in found)) return { ...skipped('needs ROS 2'), because: ['ros'] };
      const heard = found.channels[name];
      if (!heard) return skipped('it is not subscribed');
      const agent = await patient.agent;
      if (agent && agent.ros.domain_id !== domainOf(patient)) {
        return { ...skipped('looked at in another ROS domain than the agent’s'), because: ['graph'] };
      }
      return channelFinding({ name, channel, heard, seconds: found.seconds, agent, flag: patient.flag });
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
  if (off) return { ...error(off.message, off.todo ?? 'mend its entry'), because: ['message_types', 'ros'] };
  if (offers.length === 0) {
    return error('nobody publishes it', 'start the node that does, or give the topic’s right name', `elderly-bot topics${flag}`);
  }
  const by = offers.map(({ node }) => node).join(', ');
  if (types !== undefined) return error(types, 'set the channel’s type to what is published, or to auto');
  if (qos !== undefined) return error(qos, 'set the channel’s qos to auto, or to what the publisher offers');
  const complaint = agent?.problems.find(({ subject }) => subject === name);
  if (complaint) return { status: 'error', observed: complaint.text, remedy: complaint.remedy, command: `elderly-bot status${flag}` };
  if (hasField === false) {
    return error(`its messages have no field ${channel.field}`, 'set the channel’s field', `ros2 interface show ${offers[0]?.type ?? ''}`);
  }
  const stale = staleness(stamp, Date.now());
  if (stale !== undefined) {
    return {
      status: 'warning',
      observed: `${topic}: ${stale}`,
      remedy: 'compare the clocks; a recording that is played has old times',
      command: `ros2 topic echo --once ${topic}`,
    };
  }
  const told = agent?.channels.find((each) => each.name === name);
  if (received > 0 && agent && told?.age_ms === null && agent.uptime_ms > SETTLED_AFTER_MS) {
    const observed = `comes here from ${by}, and the running agent never heard it`;
    const remedy = 'run agent, robot and this shell as one user, with one RMW_IMPLEMENTATION and one ROS_AUTOMATIC_DISCOVERY_RANGE';
    return error(observed, remedy, `elderly-bot status${flag}`);
  }
  const rate = `${Math.round((10 * received) / seconds) / 10} Hz`;
  if (received > 0) return ok(`${topic} by ${by}, ${rate}`);
  return nothingHeard({ topic, by, channel, seconds, told });
}

function nothingHeard(given: {
  topic: string;
  by: string;
  channel: ChannelConfig;
  seconds: number;
  /** What the running agent says of it. */
  told: ChannelStatus | undefined;
}): Finding {
  const { topic, by, channel, seconds, told } = given;
  const observed = `${topic}: ${by} is there, and nothing came in ${Math.round(seconds)} s`;
  if (told && isOverdue(told)) {
    return {
      status: 'warning',
      observed: `${observed}; the running agent heard ${told.messages} messages, never more than ${ago(told.longest_gap_ms ?? 0)} apart, the last ${ago(told.age_ms ?? 0)} ago`,
      remedy: 'look at the sensor and its node: it is there and silent; with max_silence its silence is an alert',
      command: `ros2 topic hz ${topic}`,
    };
  }
  if (told && told.age_ms !== null) return ok(`${observed}; the running agent heard it ${ago(told.age_ms)} ago`);
  const others = othersSharedMemory();
  if (others !== undefined) {
    return {
      status: 'error',
      observed: `${observed}; user ${others} has shared memory for it that this user can’t open`,
      remedy: 'run agent and robot as one user, or let both use the network',
      command: 'export FASTDDS_BUILTIN_TRANSPORTS=UDPv4',
    };
  }
  if (channel.class === 'alert' && channel.max_silence === undefined)
    return ok(`${observed}, as it may be where only changes are published`);
  return {
    status: 'warning',
    observed,
    remedy: 'look at the sensor and its node: it is there and silent',
    command: `ros2 topic hz ${topic}`,
  };
}

/** @param stamp seconds since 1970; 0: there is none. */
function staleness(stamp: number, nowMs: number): string | undefined {
  if (!(stamp > 0)) return undefined;
  const apart = nowMs - stamp * 1_000;
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
