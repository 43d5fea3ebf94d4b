// Waits for the ROS value that confirms a command. It must arrive after the command was published and before the deadline.
import type { ConfirmConfig } from '../config/index.ts';
import { fillPart, type Values } from './arguments.ts';

interface Waiting {
  readonly matches: (value: unknown) => boolean;
  readonly end: (failure: string | undefined) => void;
}

export class Confirmations {
  readonly #last = new Map<string, unknown>();
  readonly #waiting = new Map<string, Set<Waiting>>();

  /** Passes in a value received on the command's confirmation topic. */
  add(command: string, value: unknown): void {
    for (const waiting of [...(this.#waiting.get(command) ?? [])]) {
      if (waiting.matches(value)) waiting.end(undefined);
    }
    this.#last.set(command, value);
  }

  /** Calls `done` exactly once: with undefined if the confirmation arrives in time, else with the reason for the failure. */
  expect(command: string, confirm: ConfirmConfig, values: Values, done: (failure: string | undefined) => void): void {
    const all = this.#waiting.get(command) ?? new Set();
    this.#waiting.set(command, all);
    const timer = setTimeout(() => waiting.end(`${confirm.topic} did not confirm it within ${confirm.within} ms`), confirm.within);
    const waiting: Waiting = {
      matches: confirm.changes ? this.#changes(command) : (value) => isSame(value, fillPart(confirm.equals, values)),
      end: (failure) => {
        clearTimeout(timer);
        if (all.delete(waiting)) done(failure);
      },
    };
    all.add(waiting);
  }

  /** Stops waiting for the confirmation of this command, or of all commands if none is given. */
  cancel(reason: string, command?: string): void {
    for (const [name, all] of this.#waiting) {
      if (command === undefined || name === command) for (const waiting of [...all]) waiting.end(reason);
    }
  }

  /** @returns a test for whether the value has changed. If none arrived before the command, the first one afterwards is the reference. */
  #changes(command: string): (value: unknown) => boolean {
    let before = this.#last.has(command) ? { value: this.#last.get(command) } : undefined;
    return (value) => {
      if (before && !isSame(before.value, value)) return true;
      before ??= { value };
      return false;
    };
  }
}

/** Compares numbers with float32 precision, because a float32 field cannot store a value such as 0.1 exactly. */
function isSame(found: unknown, expected: unknown): boolean {
  const [a, b] = [found, expected].map((value) => (typeof value === 'bigint' ? Number(value) : value));
  if (typeof a === 'number' && typeof b === 'number') return a === b || Math.fround(a) === Math.fround(b);
  return a === b;
}
