// Decides which values become readings. The start and end of an alert bypass the gate, so that they are never delayed. A value that comes
// too soon after the last reading waits, so that the last value of a burst is reported too. The caller passes in the time.
import type { ChannelConfig, Deadband } from '../config/index.ts';
import type { Sample } from './value.ts';

export class Gate {
  readonly #rules: ChannelConfig['report'];
  #last: Sample | undefined;
  #lastMs = 0;
  #waiting: Sample | undefined;

  constructor(rules: ChannelConfig['report']) {
    this.#rules = rules;
  }

  get last(): Sample | undefined {
    return this.#last;
  }

  /** When the waiting value becomes a reading. */
  get dueMs(): number | undefined {
    return this.#waiting === undefined ? undefined : this.#lastMs + (this.#rules.at_most_every ?? 0);
  }

  /**
   * If the rules make this value a reading, it is recorded now, or waits until `at_most_every` has passed since the last reading.
   * @returns whether it was recorded now.
   */
  offer(sample: Sample, nowMs: number): boolean {
    if (!this.#isReading(sample, nowMs)) {
      this.#waiting = undefined;
      return false;
    }
    const isTooSoon = this.#last !== undefined && nowMs - this.#lastMs < (this.#rules.at_most_every ?? 0);
    if (!isTooSoon) this.record(sample, nowMs);
    else this.#waiting = sample;
    return !isTooSoon;
  }

  /** Records a reading regardless of the rules. */
  record(sample: Sample, nowMs: number): void {
    this.#last = sample;
    this.#lastMs = nowMs;
    this.#waiting = undefined;
  }

  /** @returns the waiting reading if it is due. */
  elapse(nowMs: number): Sample | undefined {
    const { dueMs } = this;
    return dueMs === undefined || nowMs < dueMs ? undefined : this.flush(nowMs);
  }

  /** @returns the waiting reading even if it is not due yet. */
  flush(nowMs: number): Sample | undefined {
    const sample = this.#waiting;
    if (sample !== undefined) this.record(sample, nowMs);
    return sample;
  }

  #isReading(sample: Sample, nowMs: number): boolean {
    const { on, deadband, at_least_every: atLeastEveryMs } = this.#rules;
    if (this.#last === undefined || on === 'message' || hasChanged(sample, this.#last, deadband)) return true;
    return atLeastEveryMs !== undefined && nowMs - this.#lastMs >= atLeastEveryMs;
  }
}

/** With a deadband of 0, any difference is a change. */
function hasChanged({ value, bad }: Sample, last: Sample, { by, percent }: Deadband): boolean {
  if (typeof value !== 'number' || typeof last.value !== 'number') return value !== last.value || bad !== last.bad;
  const least = percent ? (Math.abs(last.value) * by) / 100 : by;
  return least > 0 ? Math.abs(value - last.value) >= least : value !== last.value;
}
