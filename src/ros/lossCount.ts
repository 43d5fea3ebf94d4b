// Counts the samples that a single reader never delivered, from occasional sequence numbers: a publisher's numbers advance by all of its
// samples, and the reader took some of them. Exact for one publisher. With several it is a lower limit, because the samples between two
// numbers cannot be assigned to a publisher. Pure.
import type { Origin } from './merge.ts';

/** More publishers than a topic has at one time. */
const MAX_PUBLISHERS = 256;

interface Span {
  readonly first: bigint;
  latest: bigint;
}

export class LossCount {
  #settled = 0;
  #current = 0;
  #taken = 0;
  readonly #spans = new Map<string, Span>();
  /** Publishers whose numbers have been seen before, so that their next number need not start the count again. */
  readonly #known = new Set<string>();

  get lost(): number {
    return this.#settled + this.#current;
  }

  /** Counts a sample whose origin is not known. */
  take(): void {
    this.#taken += 1;
  }

  /** Counts a sample whose origin is known. */
  takeFrom({ publisher, order, isNumbered }: Origin): void {
    if (!isNumbered) return;
    if (!this.#known.has(publisher)) this.#restart(publisher);
    const span = this.#spans.get(publisher);
    if (span === undefined) {
      this.#spans.set(publisher, { first: order, latest: order });
      return;
    }
    this.#taken += 1;
    if (order > span.latest) span.latest = order;
    let published = 0;
    for (const { first, latest } of this.#spans.values()) published += Number(latest - first);
    this.#current = Math.max(this.#current, published - this.#taken);
  }

  /** A new publisher's samples before its first number are not known, so the count starts again for all publishers. */
  #restart(publisher: string): void {
    if (this.#known.size >= MAX_PUBLISHERS) this.#known.clear();
    this.#known.add(publisher);
    this.#settled += this.#current;
    this.#current = 0;
    this.#taken = 0;
    this.#spans.clear();
  }
}
