// Waits for the ROS message that confirms a command: a value that arrives after the command was published. A late value does not count.
import type { ConfirmConfig } from '../config/index.ts';
import { fillPart, type Values } from './template.ts';

interface Waiting {
  readonly matches: (value: unknown) => boolean;
  readonly end: (whyNot: string | undefined) => void;
}

export class Confirmations {
  readonly #last = new Map<string, unknown>();
  readonly #waiting = new Map<string, Set<Waiting>>();

  /** A value on the command's confirmation topic. */
  add(command: string, value: unknown): void {
    for (const waiting of [...(this.#waiting.get(command) ?? [])]) {
      if (waiting.matches(value)) waiting.end(undefined);
    }
    this.#last.set(command, value);
  }

  /** Calls `done` once: without an argument if the confirmation arrives in time, else with the reason. */
  expect(command: string, confirm: ConfirmConfig, values: Values, done: (whyNot: string | undefined) => void): void {
    const all = this.#waiting.get(command) ?? new Set();
    this.#waiting.set(command, all);
    const timer = setTimeout(() => waiting.end(`${confirm.topic} did not confirm it within ${confirm.within} ms`), confirm.within);
    const waiting: Waiting = {
      matches: confirm.changes ? this.#changes(command) : (value) => isSame(value, fillPart(confirm.equals, values)),
      end: (whyNot) => {
        clearTimeout(timer);
        if (all.delete(waiting)) done(whyNot);
      },
    };
    all.add(waiting);
  }

  /** Ends the waiting for this command, or for all commands. */
  cancel(why: string, command?: string): void {
    for (const [name, all] of this.#waiting) {
      if (command === undefined || name === command) for (const waiting of [...all]) waiting.end(why);
    }
  }

  /** Without a value from before the command, the first value is the reference for later ones. */
  #changes(command: string): (value: unknown) => boolean {
    let before = this.#last.has(command) ? { value: this.#last.get(command) } : undefined;
    return (value) => {
      if (before && !isSame(before.value, value)) return true;
      before ??= { value };
      return false;
    };
  }
}

/** A float32 field can't hold 0.1 exactly, so numbers are compared with float32 precision. */
function isSame(found: unknown, wanted: unknown): boolean {
  const [a, b] = [found, wanted].map((value) => (typeof value === 'bigint' ? Number(value) : value));
  if (typeof a === 'number' && typeof b === 'number') return a === b || Math.fround(a) === Math.fround(b);
  return a === b;
}
