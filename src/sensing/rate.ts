// The rate of a counter that is read now and then, so that counting costs nothing for each message.

/** Older observations are dropped. */
const WINDOW_MS = 10_000;

export class Rate {
  #observations: readonly { readonly atMs: number; readonly count: number }[] = [];

  /** @param atMs monotonic milliseconds. @param count the counter's value. */
  observe(atMs: number, count: number): void {
    const since = this.#observations.findLastIndex(({ atMs: earlierMs }) => earlierMs <= atMs - WINDOW_MS);
    this.#observations = [...this.#observations.slice(Math.max(0, since)), { atMs, count }];
  }

  /** Hertz over the last ten seconds, to a tenth; null before two observations. */
  get hz(): number | null {
    const [first, last] = [this.#observations[0], this.#observations.at(-1)];
    if (!first || !last || last.atMs <= first.atMs) return null;
    return Math.round((10_000 * (last.count - first.count)) / (last.atMs - first.atMs)) / 10;
  }
}
