// Handles an outbox file that may be damaged: records that beside the file for the next start, of this process or another, and checks
// every page once the robot reads its sensors.

import { messageOf } from '../../base/index.ts';
import type { Logger } from '../../logs/index.ts';
import { inspectOutboxFile, isCorruption, suspect } from '../../outbox/index.ts';

export class DamageWatch {
  readonly #stateDir: string;
  readonly #log: Logger;
  readonly #onDamage: () => void;

  /** @param onDamage has to start the agent again: its start repairs the file. */
  constructor(stateDir: string, log: Logger, onDamage: () => void) {
    this.#stateDir = stateDir;
    this.#log = log;
    this.#onDamage = onDamage;
  }

  /** @returns whether the error means a damaged file; if so, that is recorded. */
  sees(error: unknown): boolean {
    const isDamage = isCorruption(error);
    if (isDamage) this.#suspect(messageOf(error));
    return isDamage;
  }

  /** @returns a function that ends the inspection early. */
  inspect(): () => void {
    const ending = new AbortController();
    inspectOutboxFile(this.#stateDir, ending.signal).then(
      (found) => {
        if (found !== undefined) this.#suspect(found);
      },
      (error: unknown) => this.#log.warn({ event: 'inspection_failed', err: error }, 'the outbox file could not be checked'),
    );
    return () => ending.abort();
  }

  #suspect(what: string): void {
    this.#log.error(
      { event: 'outbox_suspect' },
      `the outbox file in ${this.#stateDir} may be damaged: ${what}; the agent checks and repairs it now`,
    );
    try {
      suspect(this.#stateDir, what);
    } catch (error) {
      this.#log.error({ event: 'outbox_suspect_unwritten', err: error }, 'the suspicion could not be written');
    }
    this.#onDamage();
  }
}
