// Waits for a condition that has no event, such as DDS discovery or a row in another process's database.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** Milliseconds until the wait fails. It is long, so that a busy machine does not fail a test. */
  readonly patienceMs?: number;
  readonly everyMs?: number;
  /** Facts to add to the error. */
  readonly explain?: () => string;
}

/** Polls until `fits` accepts the value. @returns that value. @throws after the deadline, with the last value. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  fits: (found: T) => boolean,
  what = 'the value fits',
  { patienceMs = 60_000, everyMs = 50, explain = () => '' }: Patience = {},
): Promise<T> {
  for (const deadline = performance.now() + patienceMs; ; await sleep(everyMs)) {
    const found = await look();
    if (fits(found)) return found;
    if (performance.now() > deadline) {
      throw new Error(`waited ${patienceMs} ms in vain until ${what}: ${JSON.stringify(found)?.slice(0, 500)} ${explain()}`);
    }
  }
}

/** Polls until the condition holds. @throws after the deadline. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, patience: Patience = {}): Promise<void> {
  await eventually(condition, Boolean, what, { everyMs: 5, ...patience });
}
