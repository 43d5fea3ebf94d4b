// A command's arguments against what the configuration allows. Pure.
import type { ArgumentConfig, CommandConfig } from '../config/index.ts';
import type { Command } from '../wire/index.ts';

export type ArgumentValue = boolean | number | string;

export interface CheckedArguments {
  readonly values: Readonly<Record<string, ArgumentValue>>;
  /** Names of numbers that were brought back into their limits. */
  readonly clamped: readonly string[];
}

/** @returns the arguments, or a sentence on what is wrong with them. */
export function checkArguments(command: Command, config: CommandConfig): CheckedArguments | string {
  const given = givenArguments(command);
  if (typeof given === 'string') return given;
  const unknown = [...given.keys()].find((name) => !Object.hasOwn(config.args, name));
  if (unknown !== undefined) return `unknown argument ${unknown.slice(0, 40)}; known: ${Object.keys(config.args).join(', ') || 'none'}`;
  const values: Record<string, ArgumentValue> = {};
  const clamped: string[] = [];
  for (const [name, rules] of Object.entries(config.args)) {
    const value = given.get(name) ?? rules.default;
    if (value === undefined) {
      if (rules.required) return `argument ${name} is missing`;
      continue;
    }
    const wrong = wrongWith(value, rules);
    if (wrong !== undefined) return `argument ${name}: ${wrong}`;
    const kept = typeof value === 'number' ? clamp(value, rules) : (value as ArgumentValue);
    if (kept !== value) clamped.push(name);
    values[name] = kept;
  }
  return { values, clamped };
}

function givenArguments(command: Command): Map<string, unknown> | string {
  if (command.value !== undefined && command.args !== undefined) return 'both value and args are given; give one';
  if (command.args !== undefined) return new Map(Object.entries(command.args));
  return new Map(command.value === undefined ? [] : [['value', command.value]]);
}

function wrongWith(value: unknown, rules: ArgumentConfig): string | undefined {
  if (rules.type === 'integer' ? !Number.isSafeInteger(value) : typeof value !== rules.type) return `expected ${rules.type}`;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'expected a finite number';
  if (typeof value !== 'string') return undefined;
  if (value.length > rules.max_length) return `longer than ${rules.max_length} characters`;
  if (rules.enum && !rules.enum.includes(value)) return `expected one of ${rules.enum.join(', ')}`;
  if (rules.pattern && !new RegExp(`^(?:${rules.pattern})$`, 'u').test(value)) return `expected to match ${rules.pattern}`;
  return undefined;
}

function clamp(value: number, { min, max }: ArgumentConfig): number {
  return Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(min ?? Number.NEGATIVE_INFINITY, value));
}

/** What the robot announces of a command's arguments, as JSON Schema. */
export function argumentSchema(config: CommandConfig): Record<string, unknown> {
  const properties = Object.entries(config.args).map(([name, { type, min, max, enum: values, pattern, max_length }]) => [
    name,
    {
      type,
      ...(min === undefined ? {} : { minimum: min }),
      ...(max === undefined ? {} : { maximum: max }),
      ...(values === undefined ? {} : { enum: values }),
      ...(pattern === undefined ? {} : { pattern: `^(?:${pattern})$` }),
      ...(type === 'string' ? { maxLength: max_length } : {}),
    },
  ]);
  const required = Object.entries(config.args).filter(([, rules]) => rules.required && rules.default === undefined);
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    required: required.map(([name]) => name),
    additionalProperties: false,
  };
}
