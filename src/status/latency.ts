// Percentiles of recent latencies: a ring of the newest values, sorted on request.

const KEPT = 1_000;

export class Latencies {
  readonly #ring: number[] = [];
  #next = 0;

  add(ms: number): void {
    this.#ring[this.#next] = ms;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** @param q 0 to 1. @returns milliseconds; null before the first value. */
  quantile(q: number): number | null {
    const sorted = [...this.#ring].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
  }
}
