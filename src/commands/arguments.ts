// A command's arguments against what the configuration allows. Pure.
import type { ArgumentConfig, CommandConfig } from '../config/index.ts';
import type { Command } from '../wire/index.ts';
import type { Values } from './template.ts';

export interface CheckedArguments {
  /** As they were given, or the default: a chosen name is the name. */
  readonly given: Values;
  /** As they go into the message: within limits, and a chosen name is what it stands for. */
  readonly values: Values;
  /** Names of numbers that were brought back into their limits. */
  readonly clamped: readonly string[];
}

/** @returns the arguments, or a sentence on what is wrong with them. */
export function checkArguments(command: Command, config: CommandConfig): CheckedArguments | string {
  const arrived = givenArguments(command);
  if (typeof arrived === 'string') return arrived;
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
    const wrong = wrongWith(value, rules);
    if (wrong !== undefined) return `argument ${name}: ${wrong}`;
    const kept = typeof value === 'number' ? clamp(value, rules) : value;
    if (kept !== value) clamped.push(name);
    given[name] = kept;
    values[name] = rules.choices ? rules.choices[String(kept)] : kept;
  }
  return { given, values, clamped };
}

function givenArguments(command: Command): Map<string, unknown> | string {
  if (command.value !== undefined && command.args !== undefined) return 'both value and args are given; give one';
  if (command.args !== undefined) return new Map(Object.entries(command.args));
  return new Map(command.value === undefined ? [] : [['value', command.value]]);
}

function wrongWith(value: unknown, rules: ArgumentConfig): string | undefined {
  if (rules.type === 'integer' ? !Number.isSafeInteger(value) : typeof value !== rules.type) return `expected ${rules.type}`;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'expected a finite number';
  return typeof value === 'string' ? wrongWithText(value, rules) : undefined;
}

function wrongWithText(value: string, rules: ArgumentConfig): string | undefined {
  if (value.length > rules.max_length) return `longer than ${rules.max_length} characters`;
  const names = rules.enum ?? (rules.choices && Object.keys(rules.choices));
  if (names && !names.includes(value)) return `expected one of ${names.join(', ')}`;
  if (rules.pattern && !new RegExp(`^(?:${rules.pattern})$`, 'u').test(value)) return `expected to match ${rules.pattern}`;
  // A ROS string ends at NUL for C++ subscribers, and half a surrogate pair is no text.
  return /\0|\p{Surrogate}/u.test(value) ? 'expected text without NUL and without half characters' : undefined;
}

function clamp(value: number, { min, max }: ArgumentConfig): number {
  return Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(min ?? Number.NEGATIVE_INFINITY, value));
}
