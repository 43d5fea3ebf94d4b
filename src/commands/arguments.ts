// Checks a command's arguments against its configuration. Pure.
import type { ArgumentConfig, CommandConfig } from '../config/index.ts';
import type { Command } from '../wire/index.ts';
import type { Values } from './template.ts';

export interface CheckedArguments {
  /** Given or default values; a choice is its name. */
  readonly given: Values;
  /** Values for the message: clamped to their limits, and a choice is the message part that it stands for. */
  readonly values: Values;
  /** Names of the clamped numbers. */
  readonly clamped: readonly string[];
}

/** @returns the arguments, or the reason why they are invalid. */
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
    const fault = faultOf(value, rules);
    if (fault !== undefined) return `argument ${name}: ${fault}`;
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

function faultOf(value: unknown, rules: ArgumentConfig): string | undefined {
  if (rules.type === 'integer' ? !Number.isSafeInteger(value) : typeof value !== rules.type) return `expected ${rules.type}`;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'expected a finite number';
  return typeof value === 'string' ? textFaultOf(value, rules) : undefined;
}

function textFaultOf(value: string, rules: ArgumentConfig): string | undefined {
  if (value.length > rules.max_length) return `expected at most ${rules.max_length} characters`;
  const names = rules.enum ?? (rules.choices && Object.keys(rules.choices));
  if (names && !names.includes(value)) return `expected one of ${names.join(', ')}`;
  if (rules.pattern && !new RegExp(`^(?:${rules.pattern})$`, 'u').test(value)) return `expected to match ${rules.pattern}`;
  // A ROS string ends at NUL for C++ subscribers, and a lone surrogate is not valid text.
  return /\0|\p{Surrogate}/u.test(value) ? 'expected text without NUL and lone surrogates' : undefined;
}

function clamp(value: number, { min, max }: ArgumentConfig): number {
  return Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(min ?? Number.NEGATIVE_INFINITY, value));
}
