// Measures the rate of a topic from the arrival times and sizes of its messages. Pure.

/** All times in seconds. Null if there are not enough messages. */
export interface MeasuredRate {
  readonly messages: number;
  readonly seconds: number;
  /** Messages per second, from the first to the last message. */
  readonly rate: number | null;
  readonly gap_min: number | null;
  readonly gap_max: number | null;
  /** The standard deviation of the gaps. */
  readonly gap_std: number | null;
  /** Over the whole time since the first message. */
  readonly bytes_per_second: number | null;
}

export class RateMeter {
  #messages = 0;
  #bytes = 0;
  #firstMs = 0;
  #lastMs = 0;
  #minMs = Number.POSITIVE_INFINITY;
  #maxMs = 0;
  /** Mean and sum of squared deviations of the gaps, by Welford's method, which needs no list of all gaps. */
  #meanMs = 0;
  #squares = 0;

  add(atMs: number, bytes: number): void {
    this.#bytes += bytes;
    this.#messages += 1;
    if (this.#messages === 1) this.#firstMs = atMs;
    else this.#addGap(atMs - this.#lastMs);
    this.#lastMs = atMs;
  }

  measured(nowMs: number): MeasuredRate {
    const gaps = this.#messages - 1;
    const spanMs = this.#lastMs - this.#firstMs;
    const sinceMs = nowMs - this.#firstMs;
    const hasGaps = gaps >= 1 && spanMs > 0;
    return {
      messages: this.#messages,
      seconds: this.#messages === 0 ? 0 : sinceMs / 1_000,
      rate: hasGaps ? (gaps * 1_000) / spanMs : null,
      gap_min: hasGaps ? this.#minMs / 1_000 : null,
      gap_max: hasGaps ? this.#maxMs / 1_000 : null,
      gap_std: hasGaps ? Math.sqrt(this.#squares / gaps) / 1_000 : null,
      bytes_per_second: hasGaps ? (this.#bytes * 1_000) / sinceMs : null,
    };
  }

  #addGap(gapMs: number): void {
    this.#minMs = Math.min(this.#minMs, gapMs);
    this.#maxMs = Math.max(this.#maxMs, gapMs);
    const deviation = gapMs - this.#meanMs;
    this.#meanMs += deviation / (this.#messages - 1);
    this.#squares += deviation * (gapMs - this.#meanMs);
  }
}
