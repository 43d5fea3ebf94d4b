// A field path such as `percentage`, `status[0].values[2].value` or `ranges[*] | min`, parsed once and then followed.
import type { Reducer } from '../config/index.ts';
import { reduce } from './reduce.ts';

export type FieldReader = (message: Readonly<Record<string, unknown>>) => unknown;

/** One step: a field's name, an index, or every element. */
export type Step = string | number | typeof EVERY;
export const EVERY = Symbol('every element');

export interface ParsedPath {
  readonly steps: readonly Step[];
  readonly reducer: Reducer | undefined;
}

/** The configuration has checked the syntax of the path. */
export function parsePath(text: string): ParsedPath {
  const [path = '', reducer] = text.split('|').map((part) => part.trim());
  const steps = path.split('.').flatMap((part): Step[] => {
    const [name = '', ...indices] = part.split('[');
    return [name, ...indices.map((index) => (index.startsWith('*') ? EVERY : Number.parseInt(index, 10)))];
  });
  return { steps, reducer: reducer as Reducer | undefined };
}

/** @returns a reader that gives undefined if the message has no such field. */
export function fieldReader(path: string): FieldReader {
  const { steps, reducer } = parsePath(path);
  if (reducer === undefined) return (message) => follow(message, steps, 0);
  return (message) => {
    const found: unknown[] = [];
    collect(message, steps, 0, found);
    return reduce(reducer, found);
  };
}

function follow(value: unknown, steps: readonly Step[], from: number): unknown {
  let found = value;
  for (let i = from; i < steps.length; i++) {
    if (found === null || typeof found !== 'object') return undefined;
    found = (found as Record<string | number, unknown>)[steps[i] as string | number];
  }
  return found;
}

function collect(value: unknown, steps: readonly Step[], from: number, found: unknown[]): void {
  const every = steps.indexOf(EVERY, from);
  if (every === -1) {
    found.push(follow(value, steps, from));
    return;
  }
  const list = follow(value, steps.slice(0, every), from);
  if (!Array.isArray(list) && !ArrayBuffer.isView(list)) return;
  for (const element of list as Iterable<unknown>) collect(element, steps, every + 1, found);
}
