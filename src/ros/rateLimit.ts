// Limits the samples a second that are decoded. A token bucket: it passes the burst after a busy moment of the agent, but not a flood.
// Pure; time is a parameter.

/** The samples of one second may come at once: they may have waited while the agent was busy. */
const BURST_S = 1;

export class RateLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number | undefined;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = perSecond * BURST_S;
    this.#tokens = this.#burst;
  }

  /** @returns 0 if this sample passes, else the milliseconds until the next one may. */
  take(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - (this.#atMs ?? nowMs)) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return (1 - this.#tokens) / this.#perMs;
    this.#tokens -= 1;
    return 0;
  }
}
