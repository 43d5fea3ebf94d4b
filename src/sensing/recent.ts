// Remembers a channel's recent past: the readings of the last minute, and the rate of a counter. The caller passes in the time.
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';

export interface RecentReading {
  /** In wall time, milliseconds. */
  readonly at: number;
  readonly channel: string;
  readonly value: ReadingValue;
  readonly extra?: ReadingExtra | undefined;
}

interface RecentReadingsLimits {
  readonly ms: number;
  /** Applied to each channel separately, so that a flood on one channel cannot displace the readings of the others. */
  readonly readingsPerChannel: number;
}

/** The readings that go into an incident's record. */
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
    // Drop half of the readings at once: dropping one per new reading would shift all the others every time.
    if (kept.length >= 2 * readingsPerChannel) kept.splice(0, kept.length - readingsPerChannel);
  }

  /** In order of arrival. */
  all(monoMs: number): RecentReading[] {
    const { ms, readingsPerChannel } = this.#limits;
    return [...this.#channels.values()]
      .flatMap((kept) => kept.slice(-readingsPerChannel).filter((reading) => monoMs - reading.monoMs <= ms))
      .sort((a, b) => a.monoMs - b.monoMs)
      .map(({ monoMs: _, ...reading }) => reading);
  }
}

/** The rate is measured over this window. */
const RATE_WINDOW_MS = 10_000;

/** Measures the rate of a counter by reading it from time to time, so that counting a message costs nothing extra. */
export class Rate {
  #observations: readonly { readonly atMs: number; readonly count: number }[] = [];

  /** @param atMs in monotonic milliseconds. @param count the counter's current value. */
  observe(atMs: number, count: number): void {
    const since = this.#observations.findLastIndex(({ atMs: earlierMs }) => earlierMs <= atMs - RATE_WINDOW_MS);
    this.#observations = [...this.#observations.slice(Math.max(0, since)), { atMs, count }];
  }

  /** In hertz over the last ten seconds, rounded to a tenth. Null until there are two observations. */
  get hz(): number | null {
    const [first, last] = [this.#observations[0], this.#observations.at(-1)];
    if (!first || !last || last.atMs <= first.atMs) return null;
    return Math.round((10_000 * (last.count - first.count)) / (last.atMs - first.atMs)) / 10;
  }
}
