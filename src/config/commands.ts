// Schema of a command. It refuses dangerous configurations before the agent starts: a message with an undefined argument, a motion
// without an end, a motion without a stop command, a condition on an unknown channel.
import * as z from 'zod';
import { argument } from './arguments.ts';
import { condition } from './condition.ts';
import { fieldPath, qos, rosName, rosType } from './ros.ts';
import { namesIn } from './templates.ts';
import { durationBetween } from './units.ts';

/** Commands that the agent executes itself; all others publish a ROS message. */
export const BUILTIN_COMMANDS = ['ping', 'set_interval', 'reload', 'snapshot', 'ship_logs'] as const;
export type BuiltinCommand = (typeof BUILTIN_COMMANDS)[number];

/** The command of this name is always admitted, is published before it is recorded, and ends every motion. */
export const STOP = 'stop';

/** Argument for the length of a motion, in milliseconds. */
export const DURATION = 'duration_ms';

/** Longest drive without a new command: two seconds at walking pace are less than two metres. */
export const MAX_DRIVE_MS = 2_000;

/** Longest motion that the robot plans itself, such as to a named place. */
export const MAX_GOAL_MS = 30 * 60_000;

const VELOCITY_TYPES: readonly string[] = ['geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'];

/** A velocity holds until the next one arrives, so such a motion is ended by publishing zero. */
export function isVelocity(type: string): boolean {
  return VELOCITY_TYPES.includes(type);
}

const argumentName = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected a-z, 0-9 and _, starting with a letter, at most 40 characters');
const message = z.record(z.string(), z.unknown());

const publication = z.strictObject({ topic: rosName, type: rosType, message, qos: qos.prefault({}) });
export type Publication = z.infer<typeof publication>;

const confirm = z
  .strictObject({
    topic: rosName,
    /** Absent: the type of the command's own message. */
    type: rosType.optional(),
    field: fieldPath.default('data'),
    /** The confirmation is this value; `$name` stands for that argument. */
    equals: z.union([z.boolean(), z.number(), z.string()]).optional(),
    /** The confirmation is any value that differs from the last one before the command. */
    changes: z.literal(true).optional(),
    within: durationBetween('100ms', '30m').prefault('2s'),
    qos: qos.prefault({}),
  })
  .refine(({ equals, changes }) => (equals === undefined) !== (changes === undefined), 'expected either equals or changes: true');
export type ConfirmConfig = z.infer<typeof confirm>;

export const commandConfig = z
  .strictObject({
    /** An action of the agent itself, instead of a ROS message. */
    does: z.enum(BUILTIN_COMMANDS).optional(),
    topic: rosName.optional(),
    type: rosType.optional(),
    /** Template of the ROS message: a string `$name` is replaced by that argument. A single argument is called `value`. */
    message: message.optional(),
    qos: qos.prefault({}),
    /** Further messages, published right after the first. */
    also: z.array(publication).max(8).default([]),
    args: z.record(argumentName, argument).default({}),
    /** Longest time between issuing a command and running it. */
    ttl: durationBetween('1s', '1h').prefault('60s'),
    /** Commands per minute; more are refused as `rate_limited`. */
    rate: z.int().min(1).max(600).default(30),
    /** The command moves the robot: one motion at a time, ended after its duration_ms, and only while the guard runs. */
    motion: z.boolean().default(false),
    /** Arguments with which the command ends a motion instead of starting one, such as `{value: stop}`. */
    motion_unless: z.record(argumentName, z.union([z.boolean(), z.number(), z.string()])).optional(),
    /** Conditions on channels that must all hold, such as `battery > 15` or `fall == false`. */
    when: z.array(condition).max(16).default([]),
    /** A channel without a message for longer meets no condition. */
    fresh_within: durationBetween('1s', '1h').prefault('60s'),
    confirm: confirm.optional(),
    /** Accept commands without id, thing and expiry, as older clients send them. */
    legacy: z.boolean().default(false),
    /** False: commands issued before the current connection to the broker are refused. */
    queue_offline: z.boolean().default(false),
  })
  .superRefine((command, context) => {
    for (const [path, text] of wrongWith(command)) context.addIssue({ code: 'custom', path: [...path], message: text });
  });
export type CommandConfig = z.infer<typeof commandConfig>;

/** Message templates of a command, in the order of publishing; empty for an action of the agent itself. */
export function publicationsOf(config: CommandConfig): Publication[] {
  const { topic, type, message, qos, also } = config;
  if (topic === undefined || type === undefined || message === undefined) return [];
  return [{ topic, type, message, qos }, ...also];
}

type Fault = readonly [path: readonly string[], text: string];

function wrongWith(command: CommandConfig): Fault[] {
  const { does, topic, type, message, also, args, motion, motion_unless: unless, confirm } = command;
  const given = [topic, type, message].filter((part) => part !== undefined).length;
  if (does !== undefined && given + also.length > 0) return [[['does'], 'expected either does, or topic, type and message']];
  if (does === undefined && given < 3) return [[[], 'expected topic, type and message, or does']];
  const faults: Fault[] = [];
  const templates = publicationsOf(command).map((each) => each.message);
  for (const name of new Set(namesIn([...templates, confirm?.equals]))) {
    if (!Object.hasOwn(args, name)) faults.push([['message'], `$${name} is not an argument of this command`]);
  }
  for (const name of Object.keys(unless ?? {})) {
    if (!Object.hasOwn(args, name)) faults.push([['motion_unless', name], 'expected the name of an argument of this command']);
  }
  if (unless && !motion) faults.push([['motion_unless'], 'expected only with motion: true']);
  if (does !== undefined && confirm)
    faults.push([['confirm'], 'expected only with a ROS message: the agent knows the result of its own actions']);
  return motion ? [...faults, ...wrongWithMotion(command)] : faults;
}

function wrongWithMotion(command: CommandConfig): Fault[] {
  const faults: Fault[] = [];
  const publications = publicationsOf(command);
  if (publications.length === 0)
    faults.push([['motion'], 'expected only with a ROS message: the agent’s own actions do not move the robot']);
  if (command.legacy) faults.push([['legacy'], 'expected false: a motion needs an id and an expiry']);
  if (command.queue_offline)
    faults.push([['queue_offline'], 'expected false: a motion that was issued while the robot was offline must not run later']);
  const most = publications.some(({ type }) => isVelocity(type)) ? MAX_DRIVE_MS : MAX_GOAL_MS;
  const duration = command.args[DURATION];
  const bounded = duration?.type === 'integer' && duration.max !== undefined && duration.max <= most && (duration.min ?? 0) >= 1;
  if (!bounded || duration.default === undefined) {
    faults.push([
      ['args', DURATION],
      `a motion needs the argument ${DURATION}: {type: integer, min: 1 or more, max: ${most} or less, default: ...}`,
    ]);
  }
  return faults;
}

/** Faults that only show when all commands and channels are compared. */
export function crossFaults(commands: Readonly<Record<string, CommandConfig>>, channels: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  const { [STOP]: stop } = commands;
  if (stop && (stop.does !== undefined || stop.motion || stop.when.length > 0 || stop.confirm)) {
    faults.push([['commands', STOP], 'stop is always admitted: expected only topic, type, message, also and legacy, and no conditions']);
  }
  if (stop && namesIn(publicationsOf(stop).map(({ message }) => message)).length > 0) {
    faults.push([['commands', STOP, 'message'], 'expected no arguments in the message of stop']);
  }
  for (const [name, { motion, when }] of Object.entries(commands)) {
    if (motion && !stop)
      faults.push([['commands', name, 'motion'], 'expected a command stop in this configuration: a robot that can move must be stoppable']);
    for (const [i, { channel, text }] of when.entries()) {
      if (!channels.includes(channel)) faults.push([['commands', name, 'when', String(i)], `${text}: no channel is called ${channel}`]);
    }
  }
  return faults;
}
