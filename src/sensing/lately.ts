// The readings of the last minute, for the record of an incident: bounded for each channel, so that a flood on one does not push the
// others out. Pure but for its own memory; time comes in.
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

export interface LatelyReading {
  /** Wall time in milliseconds. */
  readonly at: number;
  readonly channel: string;
  readonly value: ReadingValue;
  readonly extra?: ReadingExtra | undefined;
}

export interface LatelyLimits {
  readonly ms: number;
  readonly readingsPerChannel: number;
}

interface Kept extends LatelyReading {
  readonly monoMs: number;
}

export class Lately {
  readonly #limits: LatelyLimits;
  readonly #channels = new Map<string, Kept[]>();

  constructor(limits: LatelyLimits) {
    this.#limits = limits;
  }

  add(reading: LatelyReading, monoMs: number): void {
    const { readingsPerChannel } = this.#limits;
    const kept = this.#channels.get(reading.channel) ?? [];
    if (kept.length === 0) this.#channels.set(reading.channel, kept);
    kept.push({ ...reading, monoMs });
    // By halves: to cut one off at each reading would move all of them each time.
    if (kept.length >= 2 * readingsPerChannel) kept.splice(0, kept.length - readingsPerChannel);
  }

  /** In the order they came. */
  all(monoMs: number): LatelyReading[] {
    const { ms, readingsPerChannel } = this.#limits;
    return [...this.#channels.values()]
      .flatMap((kept) => kept.slice(-readingsPerChannel).filter((reading) => monoMs - reading.monoMs <= ms))
      .sort((a, b) => a.monoMs - b.monoMs)
      .map(({ monoMs: _, ...reading }) => reading);
  }
}
