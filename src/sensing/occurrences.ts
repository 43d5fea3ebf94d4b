// Decides how long the alert of an event channel stands: from its first occurrence until none has followed for `clear_after`. It has the
// methods of Debounce. The caller passes in the time and must call `elapse` at `dueMs`.
export class Occurrences {
  readonly #clearAfterMs: number;
  #dueMs: number | undefined;
  #count = 0;
  #reportsCalm = false;

  /** @param standingMs the start of this run if the alert was already raised before it. Its earlier occurrences are not known any more. */
  constructor(clearAfterMs: number, standingMs: number | undefined) {
    this.#clearAfterMs = clearAfterMs;
    if (standingMs !== undefined) this.feed(true, standingMs);
  }

  /** Whether the alert stands. */
  get state(): boolean {
    return this.#dueMs !== undefined;
  }

  /** When the alert ends if there is no further occurrence. */
  get dueMs(): number | undefined {
    return this.#dueMs;
  }

  /** The occurrences of the present alert, or of the last one if none stands. */
  get count(): number {
    return this.#count;
  }

  /** Whether the detector has also reported that nothing happens. The age of its messages then shows whether it still works. */
  get reportsCalm(): boolean {
    return this.#reportsCalm;
  }

  /**
   * Call {@link elapse} with the same time first.
   * @param raw whether the message is an occurrence; undefined if it is unreadable. Only an occurrence affects the alert.
   */
  feed(raw: boolean | undefined, nowMs: number): void {
    if (raw === false) this.#reportsCalm = true;
    if (raw !== true) return;
    this.#count = this.state ? this.#count + 1 : 1;
    this.#dueMs = nowMs + this.#clearAfterMs;
  }

  elapse(nowMs: number): void {
    if (this.#dueMs !== undefined && nowMs >= this.#dueMs) this.#dueMs = undefined;
  }
}
