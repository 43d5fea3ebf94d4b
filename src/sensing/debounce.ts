// Debounce and hold: true counts after it was true for `debounceMs` without a break, false after `holdMs`. No I/O and no clock: time is a
// parameter, and `dueMs` is the time of the next necessary call.

export interface DebounceRules {
  readonly debounceMs: number;
  readonly holdMs: number;
}

export class Debounce {
  readonly #rules: DebounceRules;
  #state: boolean | undefined;
  #pendingSinceMs: number | undefined;

  /** @param state the state before the start; undefined: unknown, and a first false counts at once. */
  constructor(rules: DebounceRules, state: boolean | undefined) {
    this.#rules = rules;
    this.#state = state;
  }

  /** The debounced state; undefined before the first known value. */
  get state(): boolean | undefined {
    return this.#state;
  }

  /** When the state changes without another value. */
  get dueMs(): number | undefined {
    if (this.#pendingSinceMs === undefined) return undefined;
    return this.#pendingSinceMs + (this.#state === true ? this.#rules.holdMs : this.#rules.debounceMs);
  }

  /**
   * @param raw the value now; undefined: unreadable. An unreadable value does not mean that the condition ended, so the hold starts again.
   * Call {@link elapse} with the same time first.
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
