// Decides which values become readings. No I/O and no clock. The start and the end of an alert are recorded without asking the gate, so they
// are never held back. A value that comes too soon after the last reading waits: the last value of a burst becomes a reading later.
import type { Deadband } from '../config/index.ts';
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

export interface GateRules {
  readonly on: 'change' | 'message';
  readonly atMostEveryMs: number | undefined;
  readonly atLeastEveryMs: number | undefined;
  readonly deadband: Deadband;
}

/** The value of a message, or null with the reason why the value is bad. */
export interface Sample {
  readonly value: ReadingValue;
  readonly bad?: ReadingExtra['bad'] | undefined;
  /** The stamp of the message's header, in milliseconds since 1970. */
  readonly stamp?: number | undefined;
}

export class Gate {
  readonly #rules: GateRules;
  #last: Sample | undefined;
  #lastMs = 0;
  #waiting: Sample | undefined;

  constructor(rules: GateRules) {
    this.#rules = rules;
  }

  /** The last reading. */
  get last(): Sample | undefined {
    return this.#last;
  }

  /** When the waiting value becomes a reading. */
  get dueMs(): number | undefined {
    return this.#waiting === undefined ? undefined : this.#lastMs + (this.#rules.atMostEveryMs ?? 0);
  }

  /** Whether the value is a reading now. */
  offer(sample: Sample, nowMs: number): boolean {
    if (!this.#isReading(sample, nowMs)) {
      this.#waiting = undefined;
      return false;
    }
    const tooSoon = this.#last !== undefined && nowMs - this.#lastMs < (this.#rules.atMostEveryMs ?? 0);
    if (!tooSoon) this.record(sample, nowMs);
    else this.#waiting = sample;
    return !tooSoon;
  }

  /** Records a reading, regardless of the rules. */
  record(sample: Sample, nowMs: number): void {
    this.#last = sample;
    this.#lastMs = nowMs;
    this.#waiting = undefined;
  }

  /** The waiting reading, if its time has come. */
  elapse(nowMs: number): Sample | undefined {
    const { dueMs } = this;
    return dueMs === undefined || nowMs < dueMs ? undefined : this.flush(nowMs);
  }

  /** The waiting reading, before its time. */
  flush(nowMs: number): Sample | undefined {
    const sample = this.#waiting;
    if (sample !== undefined) this.record(sample, nowMs);
    return sample;
  }

  #isReading(sample: Sample, nowMs: number): boolean {
    if (this.#last === undefined || this.#rules.on === 'message' || hasChanged(sample, this.#last, this.#rules.deadband)) return true;
    return this.#rules.atLeastEveryMs !== undefined && nowMs - this.#lastMs >= this.#rules.atLeastEveryMs;
  }
}

/** With a deadband of 0 each difference counts. */
export function hasChanged({ value, bad }: Sample, last: Sample, { by, percent }: Deadband): boolean {
  if (typeof value !== 'number' || typeof last.value !== 'number') return value !== last.value || bad !== last.bad;
  const least = percent ? (Math.abs(last.value) * by) / 100 : by;
  return least > 0 ? Math.abs(value - last.value) >= least : value !== last.value;
}
