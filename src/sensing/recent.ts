// Keeps the recent past of channels: the readings of the last minute, and the rate of a counter. Time is a parameter.
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

export interface RecentReading {
  /** Wall time in milliseconds. */
  readonly at: number;
  readonly channel: string;
  readonly value: ReadingValue;
  readonly extra?: ReadingExtra | undefined;
}

interface RecentReadingsLimits {
  readonly ms: number;
  /** Each channel has its own limit, so that a flood on one channel does not displace the readings of the others. */
  readonly readingsPerChannel: number;
}

/** The readings for the record of an incident. */
export class RecentReadings {
  readonly #limits: RecentReadingsLimits;
  readonly #channels = new Map<string, (RecentReading & { readonly monoMs: number })[]>();

  constructor(limits: RecentReadingsLimits) {
    this.#limits = limits;
  }

  add(reading: RecentReading, monoMs: number): void {
    const { readingsPerChannel } = this.#limits;
    const kept = this.#channels.get(reading.channel) ?? [];
    if (kept.length === 0) this.#channels.set(reading.channel, kept);
    kept.push({ ...reading, monoMs });
    // Removes half of the readings at once: to remove one at each reading would move all the others each time.
    if (kept.length >= 2 * readingsPerChannel) kept.splice(0, kept.length - readingsPerChannel);
  }

  /** @returns the readings in the order of arrival. */
  all(monoMs: number): RecentReading[] {
    const { ms, readingsPerChannel } = this.#limits;
    return [...this.#channels.values()]
      .flatMap((kept) => kept.slice(-readingsPerChannel).filter((reading) => monoMs - reading.monoMs <= ms))
      .sort((a, b) => a.monoMs - b.monoMs)
      .map(({ monoMs: _, ...reading }) => reading);
  }
}

/** Observations from before this window are dropped. */
const RATE_WINDOW_MS = 10_000;

/** The rate of a counter that is read from time to time, so that a message costs nothing. */
export class Rate {
  #observations: readonly { readonly atMs: number; readonly count: number }[] = [];

  /** @param atMs monotonic milliseconds. @param count the counter's value. */
  observe(atMs: number, count: number): void {
    const since = this.#observations.findLastIndex(({ atMs: earlierMs }) => earlierMs <= atMs - RATE_WINDOW_MS);
    this.#observations = [...this.#observations.slice(Math.max(0, since)), { atMs, count }];
  }

  /** The rate in hertz over the last ten seconds, rounded to a tenth. Null before two observations. */
  get hz(): number | null {
    const [first, last] = [this.#observations[0], this.#observations.at(-1)];
    if (!first || !last || last.atMs <= first.atMs) return null;
    return Math.round((10_000 * (last.count - first.count)) / (last.atMs - first.atMs)) / 10;
  }
}
