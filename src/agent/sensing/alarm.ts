// One timer for all channels: rings at the earliest requested time. If that time was moved later since, the alarm rings too early, which
// costs one check.

export class Alarm {
  readonly #now: () => number;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs = 0;

  /** @param now monotonic milliseconds. @param ring requests the next time with {@link by}. */
  constructor(now: () => number, ring: () => void) {
    this.#now = now;
    this.#ring = ring;
  }

  /** @param atMs monotonic milliseconds; undefined: no request. */
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

/** The longest delay of setTimeout (2^31 - 1 ms); the alarm then rings early. */
const LONGEST_MS = 2_147_483_647;
