// Decides which values become readings. The start and the end of an alert bypass the gate, so it never delays them. A value that arrives too
// soon after the last reading waits: the last value of a burst becomes a reading later. Time is a parameter.
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

  /** The last reading. */
  get last(): Sample | undefined {
    return this.#last;
  }

  /** The time at which the waiting value becomes a reading. */
  get dueMs(): number | undefined {
    return this.#waiting === undefined ? undefined : this.#lastMs + (this.#rules.at_most_every ?? 0);
  }

  /** Records the value now, or keeps it waiting, if it is a reading by the rules. @returns whether it is a reading now. */
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

  /** Records a reading, regardless of the rules. */
  record(sample: Sample, nowMs: number): void {
    this.#last = sample;
    this.#lastMs = nowMs;
    this.#waiting = undefined;
  }

  /** @returns the waiting reading if its time has come. */
  elapse(nowMs: number): Sample | undefined {
    const { dueMs } = this;
    return dueMs === undefined || nowMs < dueMs ? undefined : this.flush(nowMs);
  }

  /** @returns the waiting reading, even before its time. */
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

/** With a deadband of 0, each difference counts. */
function hasChanged({ value, bad }: Sample, last: Sample, { by, percent }: Deadband): boolean {
  if (typeof value !== 'number' || typeof last.value !== 'number') return value !== last.value || bad !== last.bad;
  const least = percent ? (Math.abs(last.value) * by) / 100 : by;
  return least > 0 ? Math.abs(value - last.value) >= least : value !== last.value;
}
