// Keeps the ranges of rows that are in flight or acknowledged in memory, so that the next free row is found without scanning the rows
// before it. Performs no I/O: the ledger saves the publications and restores them at startup.
import { normalize, type Range, type Ranges, subtract } from '../wire/index.ts';

export interface Publication {
  readonly class: number;
  /** Ordinal of the outbox. */
  readonly outbox: number;
  first: number;
  last: number;
  /** The agent's total running time when the broker acknowledged the rows, in milliseconds. */
  ranMs: number;
  /** How many times these rows have been published; at least 1. */
  tries: number;
  /** Set if a receipt should have covered the rows but did not, so that they are published again. */
  due: boolean;
}

/** Publications to delete from the database, and publications to save afterwards. */
export interface Change {
  readonly removed: readonly Publication[];
  readonly added: readonly Publication[];
}

export interface Cut extends Change {
  /** The publications that remain in each list, for {@link Publications.applyCut}. */
  readonly lists: ReadonlyMap<string, Publication[]>;
}

/**
 * Acknowledgements of adjacent ranges that are less than this far apart share a publication, so that a burst of alerts does not create
 * thousands.
 */
const MERGE_WITHIN_MS = 5_000;

export class Publications {
  /** One list per class and outbox, sorted by first row. */
  readonly #lists = new Map<string, Publication[]>();
  readonly #inFlight = new Map<string, Range[]>();

  /** Reserves a range of rows, so that no other claim gets them. */
  markInFlight(rowClass: number, outbox: number, range: Range): void {
    const key = keyOf(rowClass, outbox);
    this.#inFlight.set(key, [...(this.#inFlight.get(key) ?? []), range]);
  }

  /** Ends the reservation of a claim's range. */
  release(rowClass: number, outbox: number, range: Range): void {
    const key = keyOf(rowClass, outbox);
    const rest = (this.#inFlight.get(key) ?? []).filter((other) => other[0] !== range[0]);
    if (rest.length > 0) this.#inFlight.set(key, rest);
    else this.#inFlight.delete(key);
  }

  isInFlight(rowClass: number): boolean {
    for (const key of this.#inFlight.keys()) if (key.startsWith(`${rowClass}/`)) return true;
    return false;
  }

  /** Returns the rows in flight. Their ranges may also contain numbers of other classes. */
  inFlight(rowClass: number, outbox: number): Ranges {
    return normalize(this.#inFlight.get(keyOf(rowClass, outbox)) ?? []);
  }

  /** Records that the broker acknowledged a range of rows. */
  acknowledge(rowClass: number, outbox: number, range: Range, ranMs: number): Change {
    const list = this.#list(rowClass, outbox);
    const [first, last] = range;
    const saved: Publication = { class: rowClass, outbox, first, last, ranMs, tries: 1, due: false };
    const newest = list.at(-1);
    if (newest === undefined || newest.last < first) {
      if (newest?.last === first - 1 && !newest.due && newest.tries === 1 && ranMs - newest.ranMs < MERGE_WITHIN_MS) {
        newest.last = last;
        return { removed: [], added: [newest] };
      }
      list.push(saved);
      return { removed: [], added: [saved] };
    }
    const removed = list.filter((other) => other.first <= last && other.last >= first);
    saved.tries += Math.max(0, ...removed.map((other) => other.tries));
    const added = [saved, ...removed.flatMap((other) => without(other, [range]))];
    const rest = list.filter((other) => !removed.includes(other));
    this.#lists.set(
      keyOf(rowClass, outbox),
      [...rest, ...added].sort((a, b) => a.first - b.first),
    );
    return { removed, added };
  }

  /** Adds a publication read from the database. They must be added in the order of their first rows. */
  restore(publication: Publication): void {
    this.#list(publication.class, publication.outbox).push(publication);
  }

  /** Computes how to remove covered or evicted ranges from all publications of an outbox. Nothing changes until {@link applyCut}. */
  cut(outbox: number, ranges: Ranges): Cut {
    const removed: Publication[] = [];
    const added: Publication[] = [];
    const lists = new Map<string, Publication[]>();
    for (const [key, list] of this.#lists) {
      if (list[0]?.outbox !== outbox) continue;
      const next = list.flatMap((publication) => {
        const pieces = without(publication, ranges);
        if (pieces[0]?.first === publication.first && pieces[0].last === publication.last) return [publication];
        removed.push(publication);
        added.push(...pieces);
        return pieces;
      });
      lists.set(key, next);
    }
    return { removed, added, lists };
  }

  applyCut({ lists }: Cut): void {
    for (const [key, list] of lists) this.#lists.set(key, list);
  }

  /** Returns the first range at or after `from` whose rows are free: neither in flight nor acknowledged, or due to be sent again. */
  nextFree(rowClass: number, outbox: number, from: number): Range {
    const key = keyOf(rowClass, outbox);
    const inFlight = this.#inFlight.get(key) ?? [];
    const publications = this.#lists.get(key) ?? [];
    let first = from;
    let end = Number.MAX_SAFE_INTEGER;
    for (let moved = true; moved; ) {
      moved = false;
      end = Number.MAX_SAFE_INTEGER;
      for (const [start, last] of inFlight) {
        if (start <= first && last >= first) {
          first = last + 1;
          moved = true;
        } else if (start > first) end = Math.min(end, start - 1);
      }
      for (let i = indexAt(publications, first); i < publications.length; i++) {
        const publication = publications[i] as Publication;
        if (publication.due) continue;
        if (publication.first > first) {
          end = Math.min(end, publication.first - 1);
          break;
        }
        first = publication.last + 1;
        moved = true;
      }
    }
    return [first, end];
  }

  ofOutbox(outbox: number): Publication[] {
    return [...this.all()].filter((publication) => publication.outbox === outbox);
  }

  *all(): Iterable<Publication> {
    for (const list of this.#lists.values()) yield* list;
  }

  /** Returns the publication that was acknowledged first, of one class or of all classes. */
  oldest(rowClass?: number): Publication | undefined {
    let oldest: Publication | undefined;
    for (const publication of this.all()) {
      if (rowClass !== undefined && publication.class !== rowClass) continue;
      if (oldest === undefined || publication.ranMs < oldest.ranMs) oldest = publication;
    }
    return oldest;
  }

  #list(rowClass: number, outbox: number): Publication[] {
    const key = keyOf(rowClass, outbox);
    const list = this.#lists.get(key) ?? [];
    this.#lists.set(key, list);
    return list;
  }
}

/** Returns the index of the first publication that ends at or after `seq`. The list must be sorted. */
function indexAt(list: readonly Publication[], seq: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as Publication).last < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function keyOf(rowClass: number, outbox: number): string {
  return `${rowClass}/${outbox}`;
}

/** Returns the parts of a publication that lie outside `ranges`. */
function without(publication: Publication, ranges: Ranges): Publication[] {
  return subtract([[publication.first, publication.last]], ranges).map(([first, last]) => ({ ...publication, first, last }));
}
