// Checks a command's arguments against its configuration, fills them into its ROS message templates, and announces their JSON Schemas.
import {
  type ArgumentConfig,
  type BuiltinCommand,
  type CommandConfig,
  matchesPattern,
  nameIn,
  type Publication,
  publicationsOf,
} from '../config/index.ts';
import type { AnnouncedCommand, Command } from '../wire/index.ts';

/** Argument values by name. A choice has been replaced by the part of the message that it stands for. */
export type Values = Readonly<Record<string, unknown>>;

export interface CheckedArguments {
  /** The command's values, or else the defaults, with numbers clamped to their limits. A choice is represented by its name. */
  readonly given: Values;
  /** The same values for the ROS messages: each choice has been replaced by the part of the message that it stands for. */
  readonly values: Values;
  /** Names of the numbers that were outside their limits and have been clamped. */
  readonly clamped: readonly string[];
}

/** @returns the arguments, or the reason why they are invalid. */
export function checkArguments(command: Command, config: CommandConfig): CheckedArguments | string {
  if (command.value !== undefined && command.args !== undefined) return 'both value and args are given; give one';
  const arrived = new Map(Object.entries(command.args ?? (command.value === undefined ? {} : { value: command.value })));
  const unknown = [...arrived.keys()].find((name) => !Object.hasOwn(config.args, name));
  if (unknown !== undefined) return `unknown argument ${unknown.slice(0, 40)}; known: ${Object.keys(config.args).join(', ') || 'none'}`;
  const given: Record<string, unknown> = {};
  const values: Record<string, unknown> = {};
  const clamped: string[] = [];
  for (const [name, rules] of Object.entries(config.args)) {
    const value = arrived.get(name) ?? rules.default;
    if (value === undefined) {
      if (rules.required) return `argument ${name} is missing`;
      continue;
    }
    const fault = faultOf(value, rules);
    if (fault !== undefined) return `argument ${name}: ${fault}`;
    const kept = typeof value === 'number' ? clamp(value, rules) : value;
    if (kept !== value) clamped.push(name);
    given[name] = kept;
    values[name] = rules.choices ? rules.choices[String(kept)] : kept;
  }
  return { given, values, clamped };
}

function faultOf(value: unknown, rules: ArgumentConfig): string | undefined {
  if (rules.type === 'integer' ? !Number.isSafeInteger(value) : typeof value !== rules.type) return `expected ${rules.type}`;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'expected a finite number';
  if (typeof value !== 'string') return undefined;
  if (value.length > rules.max_length) return `expected at most ${rules.max_length} characters`;
  const names = namesOf(rules);
  if (names && !names.includes(value)) return `expected one of ${names.join(', ')}`;
  if (rules.pattern && !matchesPattern(rules.pattern, value)) return `expected to match ${rules.pattern}`;
  // C++ subscribers would see a ROS string end at an embedded NUL, and a lone surrogate cannot be encoded as UTF-8.
  return /\0|\p{Surrogate}/u.test(value) ? 'expected text without NUL and lone surrogates' : undefined;
}

function namesOf({ enum: words, choices }: ArgumentConfig): readonly string[] | undefined {
  return words ?? (choices && Object.keys(choices));
}

function clamp(value: number, { min, max }: ArgumentConfig): number {
  return Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(min ?? Number.NEGATIVE_INFINITY, value));
}

/** One of a command's ROS messages, ready to publish. */
export interface CommandMessage {
  readonly topic: string;
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
}

/** Builds the ROS messages from the configured templates by replacing each `$name` with that argument's value. */
export function messagesFor(config: CommandConfig, values: Values): CommandMessage[] {
  return publicationsOf(config).map(({ topic, type, message }: Publication) => ({ topic, type, message: fill(message, values) }));
}

/** Fills one part of a template. @returns undefined if the part names an argument that was not given. */
export function fillPart(part: unknown, values: Values): unknown {
  const name = nameIn(part);
  if (name !== undefined) return Object.hasOwn(values, name) ? values[name] : undefined;
  if (Array.isArray(part)) return part.map((item) => fillPart(item, values));
  return part !== null && typeof part === 'object' ? fill(part as Values, values) : part;
}

/** Omits fields whose argument was not given, so that they get the ROS type's default. */
function fill(template: Values, values: Values): Record<string, unknown> {
  const filled = Object.entries(template).map(([field, part]) => [field, fillPart(part, values)] as const);
  return Object.fromEntries(filled.filter(([, part]) => part !== undefined));
}

/**
 * Describes the robot's commands for its presence message: their names and JSON Schemas of their arguments.
 * @param unable returns the reason if the agent cannot execute a built-in command. Such a command is not announced.
 */
export function announce(
  commands: Readonly<Record<string, CommandConfig>>,
  unable: (action: BuiltinCommand) => string | undefined,
): AnnouncedCommand[] {
  return Object.entries(commands)
    .filter(([, { does }]) => does === undefined || unable(does) === undefined)
    .map(([name, config]) => ({
      name,
      args: argumentSchema(config),
      motion: config.motion,
      ...(config.signed === 'off' ? {} : { signed: config.signed }),
    }));
}

export function argumentSchema({ args }: CommandConfig): Record<string, unknown> {
  const required = Object.entries(args).filter(([, rules]) => rules.required && rules.default === undefined);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(args).map(([name, rules]) => [name, schemaOf(rules)])),
    required: required.map(([name]) => name),
    additionalProperties: false,
  };
}

function schemaOf(rules: ArgumentConfig): object {
  const { type, min, max, pattern, max_length, default: value, unit } = rules;
  const names = namesOf(rules);
  return {
    type,
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(names === undefined ? {} : { enum: names }),
    ...(pattern === undefined ? {} : { pattern: `^(?:${pattern})$` }),
    ...(type === 'string' ? { maxLength: max_length } : {}),
    ...(value === undefined ? {} : { default: value }),
    ...(unit === undefined ? {} : { description: unit }),
  };
}
