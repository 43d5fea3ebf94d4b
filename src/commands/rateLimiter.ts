// Counts admitted commands per name in the last minute of monotonic time.
import type { Clock } from '../clock/index.ts';

const MINUTE_MS = 60_000;

export class RateLimiter {
  readonly #clock: Clock;
  readonly #recent = new Map<string, number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  count(name: string): void {
    this.#recent.set(name, [...this.#within(name), this.#clock.mono()]);
  }

  lastMinute(name: string): number {
    return this.#within(name).length;
  }

  /** At most 600 entries, the highest rate that the configuration allows per minute. */
  #within(name: string): number[] {
    const since = this.#clock.mono() - MINUTE_MS;
    return (this.#recent.get(name) ?? []).filter((ms) => ms > since);
  }
}
