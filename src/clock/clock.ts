// Defines the clock of a program, and detects that its wall clock was set. Wall time must only be used as data. All waits use monotonic
// time.

export interface Clock {
  /** Milliseconds since the Unix epoch, according to the machine's clock, which may be wrong. */
  wall(): number;
  /** Milliseconds since this program started. Never jumps; pauses only while the machine is suspended. */
  mono(): number;
  /** False if the wall clock is known to be wrong or has not been synchronised yet. */
  trusted(): boolean;
}

/** How far two clocks may differ. The cloud accepts tokens that are this far off, and time services correct smaller errors gradually. */
export const CLOCKS_DIFFER_MS = 120_000;

/** Detects that the wall clock has been stepped while the program is running, by comparing it with the monotonic clock. */
export class ClockSteps {
  /**
   * The difference between wall time and monotonic time before any step. Undefined until the clock is trusted, so that the first correction
   * is not taken for a step.
   */
  #before: number | undefined;
  #last = 0;

  /**
   * Must be called periodically.
   * @returns undefined if there was no step since the last call; 0 if a step has undone an earlier one; otherwise how far the clock is now
   * ahead of where it would be without any step, in milliseconds.
   */
  update(clock: Clock): number | undefined {
    const offset = clock.wall() - clock.mono();
    const last = this.#last;
    this.#last = offset;
    if (this.#before === undefined) {
      if (clock.trusted()) this.#before = offset;
      return undefined;
    }
    if (isStep(offset - last)) return isStep(offset - this.#before) ? offset - this.#before : 0;
    // Follow small differences, which come from gradual corrections, so that they do not add up to a step.
    if (!isStep(offset - this.#before)) this.#before = offset;
    return undefined;
  }
}

function isStep(ms: number): boolean {
  return Math.abs(ms) >= CLOCKS_DIFFER_MS;
}
