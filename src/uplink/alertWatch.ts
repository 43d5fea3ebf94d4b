// Notices that alerts are sent, but not acknowledged: the path to the broker may be dead although the connection looks open.

interface AlertWatchOptions {
  readonly timeoutMs: () => number;
  /** Called each time that no alert has been answered for this long while one waits. */
  readonly onOverdue: (ms: number) => void;
  /** @param ms how long the answer took. */
  readonly onAnswered: (ms: number) => void;
}

export class AlertWatch {
  readonly #options: AlertWatchOptions;
  #unanswered = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AlertWatchOptions) {
    this.#options = options;
  }

  /** Whether an alert waits for its acknowledgement. */
  get isWaiting(): boolean {
    return this.#unanswered > 0;
  }

  sent(): void {
    this.#unanswered++;
    this.#timer ??= this.#arm();
  }

  /** Any answer shows that the path works. @param ms how long it took. */
  answered(ms: number): void {
    this.#unanswered--;
    clearTimeout(this.#timer);
    this.#timer = this.isWaiting ? this.#arm() : undefined;
    this.#options.onAnswered(ms);
  }

  /** Forgets all alerts, because the connection has ended. */
  reset(): void {
    this.#unanswered = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): NodeJS.Timeout {
    const ms = this.#options.timeoutMs();
    return setTimeout(() => {
      this.#timer = this.#arm();
      this.#options.onOverdue(ms);
    }, ms).unref();
  }
}
