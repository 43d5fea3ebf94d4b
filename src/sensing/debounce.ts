// Applies debounce and hold: true counts after it was true for `debounceMs` without a break, and false after it was false for `holdMs`. Time is
// a parameter, and `dueMs` is the time of the next necessary call.
export class Debounce {
  readonly #debounceMs: number;
  readonly #holdMs: number;
  #state: boolean | undefined;
  #pendingSinceMs: number | undefined;

  /** @param state the state before the start. If it is undefined, a first false counts at once. */
  constructor(debounceMs: number, holdMs: number, state: boolean | undefined) {
    this.#debounceMs = debounceMs;
    this.#holdMs = holdMs;
    this.#state = state;
  }

  /** The debounced state. Undefined before the first known value. */
  get state(): boolean | undefined {
    return this.#state;
  }

  /** The time at which the state changes if no other value arrives. */
  get dueMs(): number | undefined {
    if (this.#pendingSinceMs === undefined) return undefined;
    return this.#pendingSinceMs + (this.#state === true ? this.#holdMs : this.#debounceMs);
  }

  /**
   * The caller must call {@link elapse} with the same time first.
   * @param raw the current value. Undefined means an unreadable value: it does not end the condition, so the hold starts again.
   */
  feed(raw: boolean | undefined, nowMs: number): void {
    if (raw === undefined) {
      if (this.#state === true) this.#pendingSinceMs = undefined;
      return;
    }
    if (this.#state === undefined && !raw) this.#state = false;
    if (raw === (this.#state ?? false)) {
      this.#pendingSinceMs = undefined;
      return;
    }
    this.#pendingSinceMs ??= nowMs;
    this.elapse(nowMs);
  }

  /** Changes the state if its time has come. */
  elapse(nowMs: number): void {
    const { dueMs } = this;
    if (dueMs === undefined || nowMs < dueMs) return;
    this.#state = this.#state !== true;
    this.#pendingSinceMs = undefined;
  }
}
