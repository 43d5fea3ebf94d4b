// Decides when to try a state directory again that could not be written. Each move costs about a second without sensing, so a disk that fails
// again and again must not cause many moves.

const FIRST_MS = 60_000;
const LONGEST_MS = 3_600_000;

export class ReturnPace {
  #waitMs = FIRST_MS;
  #failedMs = Number.NEGATIVE_INFINITY;

  /** How long the stand-in stays in use before the state directory is tried. Afterwards it is probed every minute. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** Records that the state directory failed. The wait doubles, unless it had worked for more than an hour. @param nowMs monotonic time. */
  failed(nowMs: number): void {
    this.#waitMs = nowMs - this.#failedMs > this.#waitMs + LONGEST_MS ? FIRST_MS : Math.min(this.#waitMs * 2, LONGEST_MS);
    this.#failedMs = nowMs;
  }
}
