// The readings of the last minute, for the record of an incident. Each channel has a bound, so that a flood on one channel does not displace
// the others. No I/O and no clock: time is a parameter.
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

export interface RecentReading {
  /** Wall time in milliseconds. */
  readonly at: number;
  readonly channel: string;
  readonly value: ReadingValue;
  readonly extra?: ReadingExtra | undefined;
}

export interface RecentReadingsLimits {
  readonly ms: number;
  readonly readingsPerChannel: number;
}

interface Kept extends RecentReading {
  readonly monoMs: number;
}

export class RecentReadings {
  readonly #limits: RecentReadingsLimits;
  readonly #channels = new Map<string, Kept[]>();

  constructor(limits: RecentReadingsLimits) {
    this.#limits = limits;
  }

  add(reading: RecentReading, monoMs: number): void {
    const { readingsPerChannel } = this.#limits;
    const kept = this.#channels.get(reading.channel) ?? [];
    if (kept.length === 0) this.#channels.set(reading.channel, kept);
    kept.push({ ...reading, monoMs });
    // Half at a time: removing one at each reading would move all the others each time.
    if (kept.length >= 2 * readingsPerChannel) kept.splice(0, kept.length - readingsPerChannel);
  }

  /** In the order of arrival. */
  all(monoMs: number): RecentReading[] {
    const { ms, readingsPerChannel } = this.#limits;
    return [...this.#channels.values()]
      .flatMap((kept) => kept.slice(-readingsPerChannel).filter((reading) => monoMs - reading.monoMs <= ms))
      .sort((a, b) => a.monoMs - b.monoMs)
      .map(({ monoMs: _, ...reading }) => reading);
  }
}
