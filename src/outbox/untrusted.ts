// Rows that were taken while the clock could not be trusted. Once it can, their true times are known: monotonic time went on evenly, so
// all rows of one setting of the wrong clock are off by the same. The rows stay as they are; an event tells the cloud.
import type { Range } from '../wire/index.ts';

/** Two rows whose wall time differs from monotonic time by less than this more than the other's are of one setting of the clock. */
const ONE_SETTING_MS = 1_000;

interface Setting {
  /** Wall time less monotonic time. */
  readonly baseMs: number;
  readonly ranges: Range[];
}

export interface ClockCorrection {
  readonly ranges: Range[];
  /** Milliseconds to add to the times of the rows. */
  readonly offsetMs: number;
}

export class Untrusted {
  #settings: Setting[] = [];

  /** Rows come in the order of their numbers. */
  add(seq: number, wallMs: number, monoMs: number): void {
    const baseMs = wallMs - monoMs;
    let setting = this.#settings.at(-1);
    if (!setting || Math.abs(setting.baseMs - baseMs) > ONE_SETTING_MS) {
      setting = { baseMs, ranges: [] };
      this.#settings.push(setting);
    }
    const last = setting.ranges.at(-1);
    if (last && last[1] === seq - 1) last[1] = seq;
    else setting.ranges.push([seq, seq]);
  }

  get isEmpty(): boolean {
    return this.#settings.length === 0;
  }

  /** The clock is right now: what all those rows are off by, once. */
  resolve(wallMs: number, monoMs: number): ClockCorrection[] {
    const settings = this.#settings;
    this.#settings = [];
    return settings.map(({ baseMs, ranges }) => ({ ranges, offsetMs: wallMs - monoMs - baseMs }));
  }
}
