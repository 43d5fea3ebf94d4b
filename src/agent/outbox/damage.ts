// What is done about an outbox file that may be damaged: it is written down beside the file, so that the next start, of this process or
// another, knows; and every page is looked at once the robot senses.

import { messageOf } from '../../base/index.ts';
import type { Logger } from '../../logs/index.ts';
import { inspectOutboxFile, isCorruption, suspect } from '../../outbox/index.ts';

export class DamageWatch {
  readonly #stateDir: string;
  readonly #log: Logger;
  readonly #onDamage: () => void;

  /** @param onDamage an agent that is started anew mends the file. */
  constructor(stateDir: string, log: Logger, onDamage: () => void) {
    this.#stateDir = stateDir;
    this.#log = log;
    this.#onDamage = onDamage;
  }

  /** @returns whether the error says that the file is damaged; then that is written down. */
  sees(error: unknown): boolean {
    const isDamage = isCorruption(error);
    if (isDamage) this.#suspect(messageOf(error));
    return isDamage;
  }

  /** @returns how the inspection is ended early. */
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
      `the outbox file in ${this.#stateDir} may be damaged: ${what}; it is checked and mended now`,
    );
    try {
      suspect(this.#stateDir, what);
    } catch (error) {
      this.#log.error({ event: 'outbox_suspect_unwritten', err: error }, 'that could not be written down');
    }
    this.#onDamage();
  }
}
