// Bounds the results of stops. Every stop is published, but of many stops within a minute only the first have a result each. After them, one
// result stands for all stops since the last one, so that stops can neither be refused nor fill anything.
import type { Clock } from '../clock/index.ts';
import { STOP } from '../config/index.ts';
import { RateLimiter } from './inbox.ts';
import type { Outcome } from './publishers.ts';
import type { Results } from './results.ts';

/** Stops within a minute that have a result each. A person who presses a button does not reach this. */
const SINGLE_PER_MINUTE = 20;

/** A result that stands for several stops is added this long after the first of them. */
const TOGETHER_MS = 10_000;

interface Together {
  readonly id: string;
  readonly outcome: Outcome;
  readonly times: number;
}

export class StopResults {
  readonly #results: Results;
  readonly #singles: RateLimiter;
  #together: Together | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(results: Results, clock: Clock) {
    this.#results = results;
    this.#singles = new RateLimiter(clock);
  }

  /** @param id undefined for a stop without an id, which has no result. */
  add(id: string | undefined, outcome: Outcome): void {
    if (id !== undefined && (this.#together || this.#singles.lastMinute(STOP) >= SINGLE_PER_MINUTE)) {
      const { times, outcome: earlier } = this.#together ?? { times: 0, outcome };
      // A stop that was not published must not disappear among others.
      this.#together = { id, times: times + 1, outcome: earlier.status === 'failed' ? earlier : outcome };
      this.#timer ??= setTimeout(() => this.finish(), TOGETHER_MS).unref();
      return;
    }
    if (id !== undefined) this.#singles.count(STOP);
    this.#results.add(id, { command: STOP, ...outcome }, 0);
  }

  /** Adds the result of the stops that wait for one. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const together = this.#together;
    this.#together = undefined;
    if (!together) return;
    const { id, times, outcome } = together;
    const detail = [outcome.detail, `this result stands for ${times} stops`].filter(Boolean).join('; ');
    this.#results.add(id, { command: STOP, ...outcome, ...(times > 1 ? { times, detail } : {}) }, 0);
  }
}
