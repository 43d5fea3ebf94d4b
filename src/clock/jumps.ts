// Whether the wall clock was set while the program ran: it moved against the monotonic one. Pure.

/** How far two clocks may differ without a word: what the cloud allows a token. Less is also what a time service slews. */
export const CLOCKS_DIFFER_MS = 120_000;

export interface ClockLook {
  readonly wallMs: number;
  readonly monoMs: number;
  readonly trusted: boolean;
}

export class ClockSteps {
  /** Wall less monotonic time before the step that stands; undefined until the clock was believed once: it is put right, not set. */
  #before: number | undefined;
  #last = 0;

  /**
   * @returns by how many milliseconds the clock is now ahead of what it was before it was set, 0 where it was set back to that;
   * undefined where nothing new happened.
   */
  look({ wallMs, monoMs, trusted }: ClockLook): number | undefined {
    const offset = wallMs - monoMs;
    const last = this.#last;
    this.#last = offset;
    if (this.#before === undefined) {
      if (trusted) this.#before = offset;
      return undefined;
    }
    if (isStep(offset - last)) return isStep(offset - this.#before) ? offset - this.#before : 0;
    // Slewing moves the reference.
    if (!isStep(offset - this.#before)) this.#before = offset;
    return undefined;
  }
}

function isStep(ms: number): boolean {
  return Math.abs(ms) >= CLOCKS_DIFFER_MS;
}
