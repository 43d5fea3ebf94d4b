// Debounce and hold: true counts once it has been true for `debounceMs` without a break, false likewise for `holdMs`. Pure but for
// its own memory: time comes in, and `dueMs` says when it has to come in again.

export interface SettleRules {
  readonly debounceMs: number;
  readonly holdMs: number;
}

export class Settled {
  readonly #rules: SettleRules;
  #state: boolean | undefined;
  #pendingSinceMs: number | undefined;

  /** @param state what counts from before the start; undefined: nothing is known, and a first false counts at once. */
  constructor(rules: SettleRules, state: boolean | undefined) {
    this.#rules = rules;
    this.#state = state;
  }

  /** What counts; undefined before anything was known. */
  get state(): boolean | undefined {
    return this.#state;
  }

  /** When the state changes if nothing else comes. */
  get dueMs(): number | undefined {
    if (this.#pendingSinceMs === undefined) return undefined;
    return this.#pendingSinceMs + (this.#state === true ? this.#rules.holdMs : this.#rules.debounceMs);
  }

  /**
   * @param raw what is true now; undefined says nothing. What can't be read is no sign that it is over, so a hold begins anew.
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

  /** Lets time pass: the state changes where its time has come. */
  elapse(nowMs: number): void {
    const { dueMs } = this;
    if (dueMs === undefined || nowMs < dueMs) return;
    this.#state = this.#state !== true;
    this.#pendingSinceMs = undefined;
  }
}
