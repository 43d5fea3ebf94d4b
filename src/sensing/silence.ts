// Whether a sensor has been silent for too long. No I/O and no clock. The time counts from the start, so that a topic without any publisher
// becomes silent too.

export class Silence {
  readonly #maxMs: number;
  #lastMs: number;
  #stands: boolean;

  /** @param stands whether the silence was raised when the previous run ended. */
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

  /** Records a message. @returns whether it ends a silence. */
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
