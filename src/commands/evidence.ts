// Waits for the ROS evidence that a command worked: a value that came after it was published. What comes not in time is none.

import type { ConfirmConfig } from '../config/index.ts';
import { fillPart, type Values } from './template.ts';

interface Waiting {
  readonly fits: (value: unknown) => boolean;
  readonly end: (whyNot: string | undefined) => void;
}

export class Evidence {
  readonly #last = new Map<string, unknown>();
  readonly #waiting = new Map<string, Set<Waiting>>();

  /** The command's evidence topic said this. */
  saw(command: string, value: unknown): void {
    for (const waiting of [...(this.#waiting.get(command) ?? [])]) {
      if (waiting.fits(value)) waiting.end(undefined);
    }
    this.#last.set(command, value);
  }

  /** Calls back once: with nothing when the evidence came within the configured time, else with why not. */
  expect(command: string, confirm: ConfirmConfig, values: Values, done: (whyNot: string | undefined) => void): void {
    const all = this.#waiting.get(command) ?? new Set();
    this.#waiting.set(command, all);
    const timer = setTimeout(() => waiting.end(`${confirm.topic} did not show it within ${confirm.within} ms`), confirm.within);
    const waiting: Waiting = {
      fits: confirm.changes ? this.#changes(command) : (value) => isSame(value, fillPart(confirm.equals, values)),
      end: (whyNot) => {
        clearTimeout(timer);
        if (all.delete(waiting)) done(whyNot);
      },
    };
    all.add(waiting);
  }

  /** Nobody waits any longer for this command, or for any. */
  giveUp(why: string, command?: string): void {
    for (const [name, all] of this.#waiting) {
      if (command === undefined || name === command) for (const waiting of [...all]) waiting.end(why);
    }
  }

  /** Where nothing was heard before the command, the first value is only what later ones differ from. */
  #changes(command: string): (value: unknown) => boolean {
    let before = this.#last.has(command) ? { value: this.#last.get(command) } : undefined;
    return (value) => {
      if (before && !isSame(before.value, value)) return true;
      before ??= { value };
      return false;
    };
  }
}

/** A float32 field never holds 0.1 exactly: numbers are compared with its precision. */
function isSame(found: unknown, wanted: unknown): boolean {
  const [a, b] = [found, wanted].map((value) => (typeof value === 'bigint' ? Number(value) : value));
  if (typeof a === 'number' && typeof b === 'number') return a === b || Math.fround(a) === Math.fround(b);
  return a === b;
}
