// How often something comes, from a counter that is looked at now and then: so that counting costs nothing per message.

/** Looks further back than this are forgotten. */
const WINDOW_MS = 10_000;

export class Rate {
  #looks: readonly { readonly atMs: number; readonly count: number }[] = [];

  /** @param atMs monotonic. @param count of all so far. */
  look(atMs: number, count: number): void {
    const since = this.#looks.findLastIndex((look) => look.atMs <= atMs - WINDOW_MS);
    this.#looks = [...this.#looks.slice(Math.max(0, since)), { atMs, count }];
  }

  /** Times a second over the last ten, to a tenth; null before two looks. */
  get hz(): number | null {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    if (!first || !last || last.atMs <= first.atMs) return null;
    return Math.round((10_000 * (last.count - first.count)) / (last.atMs - first.atMs)) / 10;
  }
}
