// Errors of the database. Each is reported to the owner of the outbox, and so is the recovery. Other errors are thrown on.

import { codeOf } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import { isDiskFull } from './space.ts';

export class Trouble {
  readonly #clock: Clock;
  readonly #told: (error: Error | undefined) => void;
  #lasts = false;
  #failingSinceMs: number | undefined;

  /** @param told with the error, and with undefined once it is over. */
  constructor(clock: Clock, told: (error: Error | undefined) => void) {
    this.#clock = clock;
    this.#told = told;
  }

  /** @throws any error that is not the database's */
  report(error: unknown): void {
    if (!(error instanceof Error) || !(codeOf(error)?.startsWith('SQLITE_') || isDiskFull(error))) throw error;
    this.#lasts = true;
    this.#failingSinceMs = isDiskFull(error) ? undefined : (this.#failingSinceMs ?? this.#clock.mono());
    this.#told(error);
  }

  /** A commit went through. @returns whether there was trouble until now. */
  recovered(): boolean {
    if (!this.#lasts) return false;
    this.#lasts = false;
    this.#failingSinceMs = undefined;
    this.#told(undefined);
    return true;
  }

  /** For how long every write has failed, in milliseconds, a full disk apart; undefined while writes succeed. */
  get failingForMs(): number | undefined {
    return this.#failingSinceMs === undefined ? undefined : this.#clock.mono() - this.#failingSinceMs;
  }
}
