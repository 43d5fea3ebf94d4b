// What a configuration may say of a command. What could hurt is refused here, before the agent starts: an argument a message
// names and nobody gives, a motion without an end, a motion without a stop, a condition on a channel that is not there.
import * as z from 'zod';
import { argument } from './arguments.ts';
import { condition } from './condition.ts';
import { fieldPath, qos, rosName, rosType } from './ros.ts';
import { namesIn } from './templates.ts';
import { durationBetween } from './units.ts';

/** What the agent itself can do; the rest of the commands publish a ROS message. */
export const OWN_COMMANDS = ['ping', 'set_interval', 'reload', 'snapshot', 'ship_logs'] as const;
export type OwnCommand = (typeof OWN_COMMANDS)[number];

/** The command of this name is always admitted, published before it is recorded, and ends every motion. */
export const STOP = 'stop';

/** The argument that says how long a motion lasts. */
export const DURATION = 'duration_ms';

/** A robot that is driven is never out of control for longer: two seconds at walking pace are less than two metres. */
export const MAX_DRIVE_MS = 2_000;

/** A motion that the robot plans itself, such as to a named place, ends after this at the latest. */
export const MAX_GOAL_MS = 30 * 60_000;

const VELOCITY_TYPES: readonly string[] = ['geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'];

/** A motion by velocity goes on until another velocity comes: it is ended by publishing zero. */
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
    /** Left out: the type of the command's own message. */
    type: rosType.optional(),
    field: fieldPath.default('data'),
    /** Evidence is this value, where `$name` is that argument. */
    equals: z.union([z.boolean(), z.number(), z.string()]).optional(),
    /** Evidence is any other value than the last one before the command. */
    changes: z.literal(true).optional(),
    within: durationBetween('100ms', '30m').prefault('2s'),
    qos: qos.prefault({}),
  })
  .refine(({ equals, changes }) => (equals === undefined) !== (changes === undefined), 'expected either equals or changes: true');
export type ConfirmConfig = z.infer<typeof confirm>;

export const commandConfig = z
  .strictObject({
    /** Something the agent does itself, in place of a ROS message. */
    does: z.enum(OWN_COMMANDS).optional(),
    topic: rosName.optional(),
    type: rosType.optional(),
    /** Template of the ROS message: a string `$name` is replaced by that argument; `value` is the single one. */
    message: message.optional(),
    qos: qos.prefault({}),
    /** Further messages, published right after the first. */
    also: z.array(publication).max(8).default([]),
    args: z.record(argumentName, argument).default({}),
    /** The longest a command may wait between being issued and being run. */
    ttl: durationBetween('1s', '1h').prefault('60s'),
    /** Commands a minute; more are refused as `rate_limited`. */
    rate: z.int().min(1).max(600).default(30),
    /** It moves the robot: one at a time, ended after its duration_ms, and only with the guard beside the agent. */
    motion: z.boolean().default(false),
    /** Arguments with which it ends a motion in place of beginning one, such as `{value: stop}`. */
    motion_unless: z.record(argumentName, z.union([z.boolean(), z.number(), z.string()])).optional(),
    /** Conditions on channels, all of which have to hold, such as `battery > 15` or `fall == false`. */
    when: z.array(condition).max(16).default([]),
    /** A channel that was not heard from for longer meets no condition. */
    fresh_within: durationBetween('1s', '1h').prefault('60s'),
    confirm: confirm.optional(),
    /** Take commands without id, thing and expiry, as older clients send them. */
    legacy: z.boolean().default(false),
    /** False: a command issued before the present connection to the broker is refused. */
    queue_offline: z.boolean().default(false),
  })
  .superRefine((command, context) => {
    for (const [path, text] of wrongWith(command)) context.addIssue({ code: 'custom', path: [...path], message: text });
  });
export type CommandConfig = z.infer<typeof commandConfig>;

/** The messages a command becomes, as templates, in the order they are published; none for what the agent does itself. */
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
    if (!Object.hasOwn(args, name)) faults.push([['message'], `$${name} is no argument of this command`]);
  }
  for (const name of Object.keys(unless ?? {})) {
    if (!Object.hasOwn(args, name)) faults.push([['motion_unless', name], 'it is no argument of this command']);
  }
  if (unless && !motion) faults.push([['motion_unless'], 'expected only where motion is true']);
  if (does !== undefined && confirm) faults.push([['confirm'], 'what the agent does itself needs no evidence from ROS']);
  return motion ? [...faults, ...wrongWithMotion(command)] : faults;
}

function wrongWithMotion(command: CommandConfig): Fault[] {
  const faults: Fault[] = [];
  const publications = publicationsOf(command);
  if (publications.length === 0) faults.push([['motion'], 'what the agent does itself moves nothing']);
  if (command.legacy) faults.push([['legacy'], 'a motion needs id and expiry, so it may not be legacy']);
  if (command.queue_offline) faults.push([['queue_offline'], 'a motion that was asked for while offline must not run later']);
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

/** What only shows when all commands and channels are seen together. */
export function wrongTogether(commands: Readonly<Record<string, CommandConfig>>, channels: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  const { [STOP]: stop } = commands;
  if (stop && (stop.does !== undefined || stop.motion || stop.when.length > 0 || stop.confirm)) {
    faults.push([['commands', STOP], 'stop is always admitted: it may have topic, type, message, also and legacy, no conditions']);
  }
  if (stop && namesIn(publicationsOf(stop).map(({ message }) => message)).length > 0) {
    faults.push([['commands', STOP, 'message'], 'stop takes no arguments']);
  }
  for (const [name, { motion, when }] of Object.entries(commands)) {
    if (motion && !stop) faults.push([['commands', name, 'motion'], 'a robot that can be moved needs the command stop']);
    for (const [i, { channel, text }] of when.entries()) {
      if (!channels.includes(channel)) faults.push([['commands', name, 'when', String(i)], `${text}: there is no channel ${channel}`]);
    }
  }
  return faults;
}
