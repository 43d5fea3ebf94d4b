// Merges the samples of several readers of one topic. Each publisher has one counting reader: the first that it matches. A sample that the
// other readers receive too is a copy. Copies are kept for HOLD_MS, so that nothing is lost if the counting reader never receives the
// sample, for example because its publisher died in the meantime. On a bad link DDS may repair an earlier sample only after that, so such a
// sample is delivered late. Pure: the caller passes the time.

/** The publisher of a sample, and the sample's position among that publisher's samples. */
export interface Origin {
  /** The publisher's global id, in hexadecimal digits. */
  readonly publisher: string;
  /** Rises with each sample of this publisher. */
  readonly order: bigint;
  /** Whether the orders of successive samples differ by exactly 1, so that a gap shows lost samples. */
  readonly isNumbered: boolean;
}

/**
 * Longer than DDS needs to bring a sample to a reliable reader that is new or missed it: Fast DDS repairs with its heartbeat, every 3 s. Only
 * copies without an original wait that long.
 */
export const HOLD_MS = 5_000;

/** At most this many copies wait for each publisher. With more, the counting reader evidently receives nothing. */
const MAX_HELD = 1_000;

/** The state of this many publishers is kept. The least recent are forgotten first. A publisher that restarts is a new one. */
const MAX_PUBLISHERS = 256;

/** At most this many samples of each publisher are awaited after a later sample. DDS repairs no more than the publisher keeps. */
const MAX_MISSING = 1_000;

interface Held {
  readonly bytes: Buffer;
  readonly atMs: number;
}

interface Source {
  /** The index of the counting reader. Undefined while it is not known; then each sample counts, whichever reader receives it first. */
  reader: number | undefined;
  /** The order of the last delivered sample. */
  last: bigint | undefined;
  readonly isNumbered: boolean;
  /** The last delivered sample, if the publisher keeps it for late subscribers. */
  latest: Buffer | undefined;
  readonly held: Map<bigint, Held>;
  /** Orders below `last` of samples that no reader has received yet. */
  readonly missing: Set<bigint>;
}

export class Merge {
  /** How many samples are missing between the delivered ones. */
  lost = 0;
  readonly #readerOf: (publisher: string) => number | undefined;
  readonly #deliver: (bytes: Buffer, isLate: boolean) => void;
  readonly #isLatched: (reader: number) => boolean;
  readonly #sources = new Map<string, Source>();

  /**
   * @param readerOf returns the index of a publisher's counting reader, or undefined if the publisher is not known.
   * @param deliver is called once for each sample. `isLate`: a later sample of the same publisher has been delivered already.
   * @param isLatched whether a reader also gets the samples from before it existed.
   */
  constructor(
    readerOf: (publisher: string) => number | undefined,
    deliver: (bytes: Buffer, isLate: boolean) => void,
    isLatched: (reader: number) => boolean = () => false,
  ) {
    this.#readerOf = readerOf;
    this.#deliver = deliver;
    this.#isLatched = isLatched;
  }

  /** The last delivered sample of each publisher that a latched reader counts. */
  get latest(): Buffer[] {
    return [...this.#sources.values()].flatMap(({ latest }) => latest ?? []);
  }

  /**
   * Delivers a sample unless it is a copy, or older than the first delivered sample of its publisher.
   * @param reader the index of the reader that received it. @param bytes is called only if the sample is needed.
   */
  accept(reader: number, origin: Origin, bytes: () => Buffer, nowMs: number): void {
    const { publisher, order } = origin;
    const source = this.#sourceOf(origin);
    if (source.missing.delete(order)) {
      this.lost -= 1;
      this.#deliver(bytes(), true);
      return;
    }
    source.reader ??= this.#readerOf(publisher);
    // Without numbers the order is the publisher's clock. If that is set back, the counting reader's samples are new nevertheless.
    const isNew =
      source.last === undefined || order > source.last || (!origin.isNumbered && reader === source.reader && order < source.last);
    if (!isNew) return;
    if (source.reader !== undefined && reader > source.reader) {
      if (source.held.has(order)) return;
      source.held.set(order, { bytes: bytes(), atMs: nowMs });
      if (source.held.size > MAX_HELD) this.#release(source, () => true);
      return;
    }
    const sample = bytes();
    // The counting reader receives in order, so it will never receive a sample that it has passed over.
    this.#release(source, (held) => held < order);
    this.#pass(source, order, sample);
    for (const held of source.held.keys()) if (held <= order) source.held.delete(held);
  }

  /** Whether copies wait for their originals. */
  get isHolding(): boolean {
    return [...this.#sources.values()].some(({ held }) => held.size > 0);
  }

  /** Delivers the copies that have waited for `HOLD_MS`, and the copies before them. */
  flush(nowMs: number): void {
    for (const source of this.#sources.values()) {
      const due = [...source.held].filter(([, { atMs }]) => nowMs - atMs >= HOLD_MS).map(([order]) => order);
      const newest = due.sort(ascending).at(-1);
      if (newest !== undefined) this.#release(source, (order) => order <= newest);
    }
  }

  #release(source: Source, isDue: (order: bigint) => boolean): void {
    const due = [...source.held].filter(([order]) => isDue(order)).sort(([a], [b]) => ascending(a, b));
    for (const [order, { bytes }] of due) {
      source.held.delete(order);
      this.#pass(source, order, bytes);
    }
  }

  #pass(source: Source, order: bigint, bytes: Buffer): void {
    if (source.isNumbered && source.last !== undefined) this.#miss(source.missing, source.last + 1n, order);
    source.last = order;
    if (source.reader !== undefined && this.#isLatched(source.reader)) source.latest = bytes;
    this.#deliver(bytes, false);
  }

  /** @param end the order after the last missing one. */
  #miss(missing: Set<bigint>, first: bigint, end: bigint): void {
    this.lost += Number(end - first);
    const newest = end - BigInt(MAX_MISSING);
    for (let order = newest > first ? newest : first; order < end; order += 1n) missing.add(order);
    for (const order of missing) {
      if (missing.size <= MAX_MISSING) break;
      missing.delete(order);
    }
  }

  #sourceOf({ publisher, isNumbered }: Origin): Source {
    const source = this.#sources.get(publisher) ?? {
      reader: undefined,
      last: undefined,
      isNumbered,
      latest: undefined,
      held: new Map(),
      missing: new Set(),
    };
    this.#sources.delete(publisher);
    this.#sources.set(publisher, source);
    if (this.#sources.size > MAX_PUBLISHERS) {
      const [[oldest, { held }] = ['', source]] = this.#sources;
      if (held.size === 0) this.#sources.delete(oldest);
    }
    return source;
  }
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}
