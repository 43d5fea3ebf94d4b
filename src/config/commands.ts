// The schema of a command and its arguments. It must refuse dangerous configurations before the agent starts, such as a message with an
// undefined argument, a motion without an end or without a stop command, or a condition on an unknown channel.
import * as z from 'zod';
import { condition } from './condition.ts';
import { patternFault } from './pattern.ts';
import { fieldPath, qos, rosName, rosType } from './ros.ts';
import { addFaults, durationBetween, type Fault } from './values.ts';

/** Commands that the agent executes itself. All others publish a ROS message. */
const BUILTIN_COMMANDS = ['ping', 'set_interval', 'reload', 'snapshot', 'ship_logs'] as const;
export type BuiltinCommand = (typeof BUILTIN_COMMANDS)[number];

/** Name of the command that ends every motion. It is always admitted, and is published before it is recorded, so that nothing delays it. */
export const STOP = 'stop';

/** Name of the argument that limits how long a motion lasts, in milliseconds. */
export const DURATION = 'duration_ms';

/** The longest drive on a single command. In this time, a robot that drives at 1 m/s covers two metres. */
const MAX_DRIVE_MS = 2_000;

/** The longest motion that the robot plans itself, such as a drive to a named place. */
const MAX_GOAL_MS = 30 * 60_000;

const VELOCITY_TYPES: readonly string[] = ['geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'];

/** Whether messages of this type set a velocity. A robot may keep a velocity until it receives another one, so it must be sent a zero. */
export function isVelocity(type: string): boolean {
  return VELOCITY_TYPES.includes(type);
}

const argument = z
  .strictObject({
    type: z.enum(['boolean', 'number', 'integer', 'string']),
    /** If this is false and there is no default, a missing argument leaves the message field at ROS's own default. */
    required: z.boolean().default(true),
    default: z.union([z.boolean(), z.number(), z.string()]).optional(),
    /** Limits of a number. A value outside them is clamped, and the command's result contains the value that was applied. */
    min: z.number().optional(),
    max: z.number().optional(),
    enum: z.array(z.string()).min(1).optional(),
    /** A regular expression that the whole string must match. */
    pattern: z.string().optional(),
    /** For strings: the allowed names, each with the part of the message that it stands for, such as the pose of a named place. */
    choices: z.record(z.string().min(1).max(40), z.unknown()).optional(),
    max_length: z.int().min(1).max(4096).default(256),
    unit: z.string().max(20).optional(),
  })
  .superRefine((rules, context) => addFaults(context, argumentFaults(rules)));
export type ArgumentConfig = z.infer<typeof argument>;

const argumentName = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected a-z, 0-9 and _, starting with a letter, at most 40 characters');
export const message = z.record(z.string(), z.unknown());

export const publication = z.strictObject({ topic: rosName, type: rosType, message, qos: qos.prefault({}) });
export type Publication = z.infer<typeof publication>;

const confirm = z
  .strictObject({
    topic: rosName,
    /** By default, the type of the command's own message. */
    type: rosType.optional(),
    field: fieldPath.default('data'),
    /** The value that confirms the command. `$name` is replaced with the argument of that name. */
    equals: z.union([z.boolean(), z.number(), z.string()]).optional(),
    /** If true, any value confirms the command that differs from the topic's last value before the command. */
    changes: z.literal(true).optional(),
    within: durationBetween('100ms', '30m').prefault('2s'),
    qos: qos.prefault({}),
  })
  .refine(({ equals, changes }) => (equals === undefined) !== (changes === undefined), 'expected either equals or changes: true');
export type ConfirmConfig = z.infer<typeof confirm>;

export const commandConfig = z
  .strictObject({
    /** An action that the agent performs itself, instead of publishing a ROS message. */
    does: z.enum(BUILTIN_COMMANDS).optional(),
    topic: rosName.optional(),
    type: rosType.optional(),
    /** Template of the ROS message. A string `$name` is replaced with the argument of that name. A single argument is called `value`. */
    message: message.optional(),
    qos: qos.prefault({}),
    /** Additional messages, published right after the first one. */
    also: z.array(publication).max(8).default([]),
    args: z.record(argumentName, argument).default({}),
    /** A command that was issued longer ago than this must not run. */
    ttl: durationBetween('1s', '1h').prefault('60s'),
    /** Commands per minute. Any more are refused as `rate_limited`. */
    rate: z.int().min(1).max(600).default(30),
    /** Whether the command moves the robot. Only one motion may run at a time, for at most its duration_ms, and only if the guard runs. */
    motion: z.boolean().default(false),
    /** Argument values with which the command ends a motion instead of starting one, such as `{value: stop}`. */
    motion_unless: z.record(argumentName, z.union([z.boolean(), z.number(), z.string()])).optional(),
    /**
     * Whether a family key must sign the command: `required`, or `optional`, by which an unsigned one is admitted, but none with a wrong
     * signature.
     */
    signed: z.enum(['required', 'optional', 'off']).default('off'),
    /** Conditions on channels that must all hold, such as `battery > 15` or `fall == false`. */
    when: z.array(condition).max(16).default([]),
    /** If a channel's last message is older than this, conditions on that channel are not met. */
    fresh_within: durationBetween('1s', '1h').prefault('60s'),
    confirm: confirm.optional(),
    /** Whether to accept commands without an id, thing and expiry, as older clients send them. */
    legacy: z.boolean().default(false),
    /** If false, the agent refuses commands that were issued before it connected to the broker. */
    queue_offline: z.boolean().default(false),
  })
  .superRefine((command, context) => addFaults(context, commandFaults(command)));
export type CommandConfig = z.infer<typeof commandConfig>;

/** Returns a command's message templates in the order in which they are published. Empty for actions of the agent itself. */
export function publicationsOf({ topic, type, message, qos, also }: CommandConfig): Publication[] {
  if (topic === undefined || type === undefined || message === undefined) return [];
  return [{ topic, type, message, qos }, ...also];
}

/**
 * Returns the name of the command that moves or stops the robot on a topic; undefined if no command does.
 * @param finalName returns the final name of a command's topic, if the configuration is not loaded yet.
 */
export function moverOf(
  commands: Readonly<Record<string, CommandConfig>>,
  topic: string,
  finalName: (topic: string) => string = (name) => name,
): string | undefined {
  const isOn = (command: CommandConfig) => publicationsOf(command).some((each) => finalName(each.topic) === topic);
  return Object.entries(commands).find(([name, command]) => (command.motion || name === STOP) && isOn(command))?.[0];
}

/** Returns the name of the argument that replaces this part of a message template, or undefined if it is a plain value. */
export function nameIn(part: unknown): string | undefined {
  return typeof part === 'string' && part.startsWith('$') ? part.slice(1) : undefined;
}

/** Returns the names of all arguments that a message template refers to, at any depth. */
export function namesIn(part: unknown): string[] {
  const name = nameIn(part);
  if (name !== undefined) return [name];
  return part !== null && typeof part === 'object' ? Object.values(part).flatMap(namesIn) : [];
}

function argumentFaults({ type, min, max, enum: words, pattern, choices, max_length, default: value }: ArgumentConfig): Fault[] {
  const faults: Fault[] = [];
  const isNumber = type === 'number' || type === 'integer';
  if (!isNumber && (min !== undefined || max !== undefined))
    faults.push([[min === undefined ? 'max' : 'min'], 'expected only for numbers']);
  if (min !== undefined && max !== undefined && min > max) faults.push([['min'], `expected at most max (${max})`]);
  for (const [key, given] of Object.entries({ enum: words, pattern, choices })) {
    if (given !== undefined && type !== 'string') faults.push([[key], 'expected only for strings']);
  }
  if (choices && (words || Object.keys(choices).length === 0))
    faults.push([['choices'], 'expected at least one name, and no enum beside it']);
  const unfit = pattern === undefined ? undefined : patternFault(pattern, max_length);
  if (unfit !== undefined) faults.push([['pattern'], unfit]);
  const fits = value === undefined || (type === 'integer' ? Number.isSafeInteger(value) : typeof value === (isNumber ? 'number' : type));
  if (!fits) faults.push([['default'], `expected ${type}`]);
  if (typeof value === 'number' && (value < (min ?? value) || value > (max ?? value)))
    faults.push([['default'], 'expected a value between min and max']);
  const names = words ?? (choices && Object.keys(choices));
  if (typeof value === 'string' && names && !names.includes(value)) faults.push([['default'], `expected one of ${names.join(', ')}`]);
  return faults;
}

function commandFaults(command: CommandConfig): Fault[] {
  const { does, topic, type, message: template, also, args, motion, motion_unless: unless, confirm } = command;
  const given = [topic, type, template].filter((part) => part !== undefined).length;
  if (does !== undefined && given + also.length > 0) return [[['does'], 'expected either does, or topic, type and message']];
  if (does === undefined && given < 3) return [[[], 'expected topic, type and message, or does']];
  const faults: Fault[] = [];
  const templates = publicationsOf(command).map(({ message }) => message);
  for (const name of new Set(namesIn([...templates, confirm?.equals]))) {
    if (!Object.hasOwn(args, name)) faults.push([['message'], `$${name} is not an argument of this command`]);
  }
  for (const name of Object.keys(unless ?? {})) {
    if (!Object.hasOwn(args, name)) faults.push([['motion_unless', name], 'expected the name of an argument of this command']);
  }
  if (command.legacy && command.signed === 'required')
    faults.push([['signed'], 'expected optional or off beside legacy: true, which admits the command without id, thing and expiry']);
  if (unless && !motion) faults.push([['motion_unless'], 'expected only with motion: true']);
  if (does !== undefined && confirm)
    faults.push([['confirm'], 'expected only with a ROS message: the agent knows the result of its own actions']);
  return motion ? [...faults, ...motionFaults(command)] : faults;
}

function motionFaults(command: CommandConfig): Fault[] {
  const faults: Fault[] = [];
  const publications = publicationsOf(command);
  if (publications.length === 0)
    faults.push([['motion'], 'expected only with a ROS message: the agent’s own actions do not move the robot']);
  if (command.legacy) faults.push([['legacy'], 'expected false: a motion needs an id and an expiry']);
  if (command.queue_offline)
    faults.push([['queue_offline'], 'expected false: a motion that was issued while the robot was offline must not run later']);
  const most = publications.some(({ type }) => isVelocity(type)) ? MAX_DRIVE_MS : MAX_GOAL_MS;
  const duration = command.args[DURATION];
  const isBounded = duration?.type === 'integer' && duration.max !== undefined && duration.max <= most && (duration.min ?? 0) >= 1;
  if (!isBounded || duration.default === undefined) {
    faults.push([
      ['args', DURATION],
      `a motion needs the argument ${DURATION}: {type: integer, min: 1 or more, max: ${most} or less, default: ...}`,
    ]);
  }
  return faults;
}

/** Finds faults that can only be seen together with the other commands or the channels. */
export function crossFaults(commands: Readonly<Record<string, CommandConfig>>, channels: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  const { [STOP]: stop } = commands;
  if (stop && (stop.does !== undefined || stop.motion || stop.when.length > 0 || stop.confirm)) {
    faults.push([['commands', STOP], 'stop is always admitted: expected only topic, type, message, also and legacy, and no conditions']);
  }
  if (stop && namesIn(publicationsOf(stop).map(({ message }) => message)).length > 0) {
    faults.push([['commands', STOP, 'message'], 'expected no arguments in the message of stop']);
  }
  if (stop && stop.signed !== 'off') faults.push([['commands', STOP, 'signed'], 'expected off: stop is admitted from everyone']);
  for (const [name, { motion, when }] of Object.entries(commands)) {
    if (motion && !stop)
      faults.push([['commands', name, 'motion'], 'expected a command stop in this configuration: a robot that can move needs it']);
    for (const [i, { channel, text }] of when.entries()) {
      if (!channels.includes(channel)) faults.push([['commands', name, 'when', String(i)], `${text}: no channel is called ${channel}`]);
    }
  }
  return faults;
}
