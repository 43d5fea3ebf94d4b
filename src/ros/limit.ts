// How many samples a second are looked at. A token bucket: a burst as it comes when the agent was busy is taken whole, a flood is not.
// Pure; time comes in.

/** A second's worth may come at once: what waited while the agent was busy is no flood. */
const BURST_S = 1;

export class RateLimit {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number | undefined;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = perSecond * BURST_S;
    this.#tokens = this.#burst;
  }

  /** @returns how long until the next sample may be looked at, in milliseconds; 0: this one may. */
  take(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - (this.#atMs ?? nowMs)) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return (1 - this.#tokens) / this.#perMs;
    this.#tokens -= 1;
    return 0;
  }
}
