// One timer for everything that becomes due by itself: it rings at the earliest time it was asked for, or a little before a time that
// has moved on since, which costs a look and nothing else.

export class Alarm {
  readonly #now: () => number;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs = 0;

  /** @param now monotonic milliseconds. @param ring asks again, with {@link by}, for what is due later. */
  constructor(now: () => number, ring: () => void) {
    this.#now = now;
    this.#ring = ring;
  }

  /** @param atMs monotonic milliseconds; undefined asks for nothing. */
  by(atMs: number | undefined): void {
    if (atMs === undefined || (this.#timer && this.#atMs <= atMs)) return;
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#ring();
      },
      Math.min(Math.max(1, atMs - this.#now()), LONGEST_MS),
    ).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What setTimeout can count to (2^31 - 1 ms); then it is asked again. */
const LONGEST_MS = 2_147_483_647;
