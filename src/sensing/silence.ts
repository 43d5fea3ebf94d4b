// Whether a sensor has been silent for too long. Pure: time in, change out; it begins to wait at the start, so that a topic on which
// nobody ever publishes is silent too.

export class Silence {
  readonly #maxMs: number;
  #lastMs: number;
  #stands: boolean;

  /** @param stands whether the last start ended in silence. */
  constructor(maxMs: number, startMs: number, stands: boolean) {
    this.#maxMs = maxMs;
    this.#lastMs = startMs;
    this.#stands = stands;
  }

  get stands(): boolean {
    return this.#stands;
  }

  get dueMs(): number | undefined {
    return this.#stands ? undefined : this.#lastMs + this.#maxMs;
  }

  /** A message came. @returns whether that ends a silence. */
  heard(nowMs: number): boolean {
    this.#lastMs = nowMs;
    const ends = this.#stands;
    this.#stands = false;
    return ends;
  }

  /** @returns whether a silence begins now. */
  elapse(nowMs: number): boolean {
    if (this.#stands || nowMs < this.#lastMs + this.#maxMs) return false;
    this.#stands = true;
    return true;
  }
}
