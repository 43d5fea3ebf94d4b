// Applies debounce and hold: the state becomes true once the input has been true for `debounceMs` without interruption, and false once it
// has been false for `holdMs`. The caller passes in the time and must call `elapse` at `dueMs`.
export class Debounce {
  readonly #debounceMs: number;
  readonly #holdMs: number;
  #state: boolean | undefined;
  #pendingSinceMs: number | undefined;

  /** @param state the state before startup. If it is undefined, a first false takes effect at once. */
  constructor(debounceMs: number, holdMs: number, state: boolean | undefined) {
    this.#debounceMs = debounceMs;
    this.#holdMs = holdMs;
    this.#state = state;
  }

  /** The debounced state. Undefined until a value is known. */
  get state(): boolean | undefined {
    return this.#state;
  }

  /** When the state changes if no other value arrives. */
  get dueMs(): number | undefined {
    if (this.#pendingSinceMs === undefined) return undefined;
    return this.#pendingSinceMs + (this.#state === true ? this.#holdMs : this.#debounceMs);
  }

  /**
   * Call {@link elapse} with the same time first.
   * @param raw the current value, or undefined if it is unreadable. Such a value does not show that the condition has ended, so a running
   * hold starts again.
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

  /** Changes the state if the change is due. */
  elapse(nowMs: number): void {
    const { dueMs } = this;
    if (dueMs === undefined || nowMs < dueMs) return;
    this.#state = this.#state !== true;
    this.#pendingSinceMs = undefined;
  }
}
