// Statistics of durations in constant memory: a histogram with fixed buckets, as in Prometheus, and quantiles of the most recent values.

/** Upper bounds of the buckets in milliseconds. One more bucket holds all higher values. */
const LIMITS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] as const;

export interface HistogramStatus {
  readonly count: number;
  readonly sum_ms: number;
  /** `[upper bound in ms, number of values up to that bound]`, cumulative as in Prometheus. The bound `null` means infinity. */
  readonly at_most_ms: readonly (readonly [limit: number | null, count: number])[];
}

export class Histogram {
  readonly #counts = new Array<number>(LIMITS_MS.length + 1).fill(0);
  #sumMs = 0;

  add(ms: number): void {
    const bucket = LIMITS_MS.findIndex((limit) => ms <= limit);
    const at = bucket === -1 ? LIMITS_MS.length : bucket;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sumMs += ms;
  }

  status(): HistogramStatus {
    let count = 0;
    const limits: (number | null)[] = [...LIMITS_MS, null];
    const atMost = limits.map((limit, i) => {
      count += this.#counts[i] ?? 0;
      return [limit, count] as const;
    });
    return { count, sum_ms: Math.round(this.#sumMs * 10) / 10, at_most_ms: atMost };
  }
}

const KEPT_LATENCIES = 1_000;

/** The most recent latencies, in a ring buffer. */
export class Latencies {
  readonly #ring: number[] = [];
  #next = 0;

  add(ms: number): void {
    this.#ring[this.#next] = ms;
    this.#next = (this.#next + 1) % KEPT_LATENCIES;
  }

  /** @param q 0 to 1. @returns milliseconds; null before the first value. */
  quantile(q: number): number | null {
    const sorted = [...this.#ring].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
  }
}
