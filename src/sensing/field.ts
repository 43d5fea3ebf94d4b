// Reads a channel's field from a message: by a path such as `percentage`, `status[0].values[2].value` or `ranges[*] | min`, or by the name
// of a status in a diagnostic_msgs/DiagnosticArray.
import type { ChannelConfig, Reducer } from '../config/index.ts';
import { reduce } from './reduce.ts';
import { isMeasured, type validReader } from './valid.ts';

export type FieldReader = (message: Readonly<Record<string, unknown>>) => unknown;

/** One step of a path: a field name, an index, or all elements of an array. */
type Step = string | number | typeof EVERY;
const EVERY = Symbol('every element');

/** Returned if a list of objects has no element at the index, such as `found[0].score` while nothing is found. */
export const ABSENT = Symbol('absent');

/**
 * @param text a path whose syntax the configuration has already checked.
 * @param validOf returns the limits of measurements in a message, if it has any.
 * @returns a reader that returns undefined if the field does not exist.
 */
export function fieldReader(text: string, validOf: ReturnType<typeof validReader> = () => undefined): FieldReader {
  const [path = '', reducer] = text.split('|').map((part) => part.trim());
  const steps = path.split('.').flatMap((part): Step[] => {
    const [name = '', ...indices] = part.split('[');
    return [name, ...indices.map((index) => (index.startsWith('*') ? EVERY : Number.parseInt(index, 10)))];
  });
  if (reducer === undefined) {
    return (message) => {
      const [value, valid] = [follow(message, steps, 0), validOf(message)];
      return valid === undefined || isMeasured(value, valid) ? value : valid.ofNothing;
    };
  }
  return (message) => {
    const found: unknown[] = [];
    const isComplete = collect(message, steps, 0, found);
    return isComplete ? reduce(reducer as Reducer, found, validOf(message)) : undefined;
  };
}

function follow(value: unknown, steps: readonly Step[], from: number): unknown {
  let found = value;
  for (let i = from; i < steps.length; i++) {
    if (found === null || typeof found !== 'object') return undefined;
    const step = steps[i];
    // Only objects come and go. A list of numbers that is too short lacks a measurement.
    if (typeof step === 'number' && i + 1 < steps.length && Array.isArray(found) && step >= found.length) return ABSENT;
    found = (found as Record<string | number, unknown>)[step as string | number];
  }
  return found;
}

/** Adds every value that the path leads to. @returns false if a field of the path does not exist. */
function collect(value: unknown, steps: readonly Step[], from: number, found: unknown[]): boolean {
  const every = steps.indexOf(EVERY, from);
  if (every === -1) {
    const leaf = follow(value, steps, from);
    if (leaf === ABSENT) return true;
    found.push(leaf);
    return leaf !== undefined;
  }
  const list = follow(value, steps.slice(0, every), from);
  if (list === ABSENT) return true;
  if (!Array.isArray(list) && !ArrayBuffer.isView(list)) return false;
  let isComplete = true;
  for (const element of list as Iterable<unknown>) isComplete = collect(element, steps, every + 1, found) && isComplete;
  return isComplete;
}

interface DiagnosticStatus {
  readonly level?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly values?: readonly { readonly key?: unknown; readonly value?: unknown }[];
}

/** Returned if the message says nothing about the channel: the array lacks the status, or the status lacks the key. */
export const NOTHING = Symbol('nothing');

const WHOLE = /^\s*[+-]?\d+\s*$/;
const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

/** @returns a reader for the worst status with the configured name. It returns the level, the message or the value of a key. */
export function diagnosticReader({ name, take, key }: NonNullable<ChannelConfig['diagnostics']>): FieldReader {
  const isSelected = statusSelector(name);
  return (message) => {
    const worst = statusesOf(message).filter(isSelected).reduce<DiagnosticStatus | undefined>(worse, undefined);
    if (worst === undefined) return NOTHING;
    if (key === undefined) return worst[take ?? 'level'];
    const pair = worst.values?.find((each) => each.key === key);
    return pair === undefined ? NOTHING : typed(pair.value);
  };
}

export function statusesOf(message: Readonly<Record<string, unknown>>): readonly DiagnosticStatus[] {
  return Array.isArray(message.status) ? (message.status as DiagnosticStatus[]) : [];
}

/** @param name the configured name, or a prefix with `*` at its end. @returns a test for whether a status has the name. */
export function statusSelector(name: string): (status: DiagnosticStatus) => boolean {
  const prefix = name.endsWith('*') ? name.slice(0, -1) : undefined;
  return (status) => typeof status.name === 'string' && (prefix === undefined ? status.name === name : status.name.startsWith(prefix));
}

function worse(a: DiagnosticStatus | undefined, b: DiagnosticStatus): DiagnosticStatus {
  return a === undefined || Number(b.level) > Number(a.level) ? b : a;
}

/** Diagnostic values are always text. Restores numbers and booleans as C++ and Python write them. */
function typed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (WHOLE.test(value) && !Number.isSafeInteger(Number(value))) return BigInt(value.trim().replace(/^\+/, ''));
  if (NUMBER.test(value)) return Number(value);
  const word = value.trim().toLowerCase();
  if (word === 'nan') return Number.NaN;
  return word === 'true' || word === 'false' ? word === 'true' : value;
}
