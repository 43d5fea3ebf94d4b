// Which values become readings. Pure but for its own memory; what goes into or out of alert is told, never asked, so no gate holds it
// back. A value that comes too soon after the last reading is kept: the last of a burst becomes a reading when its time has come.
import type { Deadband } from '../config/index.ts';
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

export interface GateRules {
  readonly on: 'change' | 'message';
  readonly atMostEveryMs: number | undefined;
  readonly atLeastEveryMs: number | undefined;
  readonly deadband: Deadband;
}

/** What a message said: a value, or null and why it can't be true. */
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

  /** When the value that waits becomes a reading. */
  get dueMs(): number | undefined {
    return this.#waiting === undefined ? undefined : this.#lastMs + (this.#rules.atMostEveryMs ?? 0);
  }

  /** Whether a message's value is a reading now. */
  offer(sample: Sample, nowMs: number): boolean {
    if (!this.#isReading(sample, nowMs)) {
      this.#waiting = undefined;
      return false;
    }
    const tooSoon = this.#last !== undefined && nowMs - this.#lastMs < (this.#rules.atMostEveryMs ?? 0);
    if (!tooSoon) this.tell(sample, nowMs);
    else this.#waiting = sample;
    return !tooSoon;
  }

  /** This is a reading, whatever the rules say. */
  tell(sample: Sample, nowMs: number): void {
    this.#last = sample;
    this.#lastMs = nowMs;
    this.#waiting = undefined;
  }

  /** The reading that waited, where its time has come. */
  elapse(nowMs: number): Sample | undefined {
    const { dueMs } = this;
    return dueMs === undefined || nowMs < dueMs ? undefined : this.flush(nowMs);
  }

  /** The reading that waits, before its time. */
  flush(nowMs: number): Sample | undefined {
    const sample = this.#waiting;
    if (sample !== undefined) this.tell(sample, nowMs);
    return sample;
  }

  #isReading(sample: Sample, nowMs: number): boolean {
    if (this.#last === undefined || this.#rules.on === 'message' || hasChanged(sample, this.#last, this.#rules.deadband)) return true;
    return this.#rules.atLeastEveryMs !== undefined && nowMs - this.#lastMs >= this.#rules.atLeastEveryMs;
  }
}

/** With a deadband of nothing any difference is one. */
export function hasChanged({ value, bad }: Sample, last: Sample, { by, percent }: Deadband): boolean {
  if (typeof value !== 'number' || typeof last.value !== 'number') return value !== last.value || bad !== last.bad;
  const least = percent ? (Math.abs(last.value) * by) / 100 : by;
  return least > 0 ? Math.abs(value - last.value) >= least : value !== last.value;
}
