// Keeps the ranges of rows in flight and of acknowledged rows in memory, so that the next free row is found without a search through the
// rows before it. Pure: the ledger stores the publications and restores them at a start.
import { type Range, type Ranges, subtract } from '../wire/index.ts';

export interface Publication {
  readonly class: number;
  /** Ordinal of the outbox. */
  readonly outbox: number;
  first: number;
  last: number;
  /** The robot's total running time at the acknowledgement, in milliseconds. */
  ranMs: number;
  /** The number of times these rows were published, at least 1. */
  tries: number;
  /** Whether a receipt should have covered the rows and did not. They are then published again. */
  due: boolean;
}

/** The publications to delete from the database, and the publications to save after that. */
export interface Change {
  readonly removed: readonly Publication[];
  readonly added: readonly Publication[];
}

export interface Cut extends Change {
  /** The remaining publications by key, for {@link Publications.applyCut}. */
  readonly lists: ReadonlyMap<string, Publication[]>;
}

/** Acknowledgements within this time become one publication. A thousand alerts a second thus need few publications. */
const MERGE_WITHIN_MS = 5_000;

export class Publications {
  /** Sorted by first row, by class and outbox. */
  readonly #lists = new Map<string, Publication[]>();
  readonly #inFlight = new Map<string, Range[]>();

  /** Reserves rows for one claim: no other claim gets them. */
  markInFlight(rowClass: number, outbox: number, range: Range): void {
    const key = keyOf(rowClass, outbox);
    this.#inFlight.set(key, [...(this.#inFlight.get(key) ?? []), range]);
  }

  /** Ends the reservation of a claim's rows. */
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

  /** Adds a publication that was read from the database. */
  restore(publication: Publication): void {
    this.#list(publication.class, publication.outbox).push(publication);
  }

  /** Calculates the removal of covered or evicted ranges from every publication of an outbox. Changes nothing. */
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

  /** @returns the first range of free rows at or after `from`: rows that are neither in flight nor acknowledged. */
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

  /** The publication that was acknowledged first: of one class, or of all. */
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

/** Index of the first publication that ends at or after `seq`, in a list sorted by first row. */
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

/** @returns the pieces of a publication outside `ranges`. */
function without(publication: Publication, ranges: Ranges): Publication[] {
  return subtract([[publication.first, publication.last]], ranges).map(([first, last]) => ({ ...publication, first, last }));
}
