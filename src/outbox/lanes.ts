// Which rows are on their way or acknowledged, as ranges in memory, so that the next free row is found without looking at
// those before it. Pure: the outbox writes publications down and reads them back at a start.
import { type Range, type Ranges, subtract } from '../wire/index.ts';

export interface Publication {
  readonly class: number;
  /** Ordinal of the outbox. */
  readonly outbox: number;
  first: number;
  last: number;
  /** The robot's total running time at the acknowledgement, in milliseconds. */
  ranMs: number;
  /** How often these rows were published, from 1. */
  tries: number;
  /** A receipt that should have covered them did not: to be published again. */
  due: boolean;
}

export interface Published {
  readonly saved: Publication;
  /** Publications that overlapped it, and what is left of them. */
  readonly replaced: readonly Publication[];
  readonly added: readonly Publication[];
}

/** What a cut takes away and leaves. */
export interface Cut {
  readonly removed: readonly Publication[];
  readonly added: readonly Publication[];
  readonly lists: ReadonlyMap<string, Publication[]>;
}

/** Acknowledgements this close to one another become one publication, so that a thousand alerts a second stay few. */
const MERGE_WITHIN_MS = 5_000;

export class Lanes {
  readonly #publications = new Map<string, Publication[]>();
  readonly #inFlight = new Map<string, Range[]>();

  /** Marks rows as on their way: no second claim gets them. */
  take(rowClass: number, outbox: number, range: Range): void {
    const key = keyOf(rowClass, outbox);
    this.#inFlight.set(key, [...(this.#inFlight.get(key) ?? []), range]);
  }

  /** Not acknowledged: they are free again. */
  release(rowClass: number, outbox: number, range: Range): void {
    const key = keyOf(rowClass, outbox);
    const rest = (this.#inFlight.get(key) ?? []).filter((other) => other[0] !== range[0]);
    if (rest.length > 0) this.#inFlight.set(key, rest);
    else this.#inFlight.delete(key);
  }

  /** Whether rows of a class are on their way. */
  isInFlight(rowClass: number): boolean {
    for (const key of this.#inFlight.keys()) if (key.startsWith(`${rowClass}/`)) return true;
    return false;
  }

  /** The broker has them. @returns what to write down. */
  publish(rowClass: number, outbox: number, range: Range, ranMs: number): Published {
    const list = this.#list(rowClass, outbox);
    const [first, last] = range;
    const newest = list.at(-1);
    if (newest === undefined || newest.last < first) {
      const merges = newest?.last === first - 1 && !newest.due && newest.tries === 1 && ranMs - newest.ranMs < MERGE_WITHIN_MS;
      if (newest && merges) {
        newest.last = last;
        return { saved: newest, replaced: [], added: [] };
      }
      const saved: Publication = { class: rowClass, outbox, first, last, ranMs, tries: 1, due: false };
      list.push(saved);
      return { saved, replaced: [], added: [] };
    }
    const replaced = list.filter((other) => other.first <= last && other.last >= first);
    const tries = Math.max(0, ...replaced.map((other) => other.tries)) + 1;
    const saved: Publication = { class: rowClass, outbox, first, last, ranMs, tries, due: false };
    const added = replaced.flatMap((other) => cut(other, [range]));
    const rest = list.filter((other) => !replaced.includes(other));
    this.#set(rowClass, outbox, [...rest, ...added, saved].sort(byFirst));
    return { saved, replaced, added };
  }

  /** Puts a publication read from the database back. */
  restore(publication: Publication): void {
    this.#list(publication.class, publication.outbox).push(publication);
  }

  /** What it would be to take `ranges` out of every publication of an outbox, as they are covered or given up. Changes nothing. */
  cut(outbox: number, ranges: Ranges): Cut {
    const removed: Publication[] = [];
    const added: Publication[] = [];
    const lists = new Map<string, Publication[]>();
    for (const [key, list] of this.#publications) {
      if (list[0]?.outbox !== outbox) continue;
      const next = list.flatMap((publication) => {
        const pieces = cut(publication, ranges);
        if (pieces[0]?.first === publication.first && pieces[0].last === publication.last) return [publication];
        removed.push(publication);
        added.push(...pieces);
        return pieces;
      });
      lists.set(key, next);
    }
    return { removed, added, lists };
  }

  apply({ lists }: Cut): void {
    for (const [key, list] of lists) this.#publications.set(key, list);
  }

  /** First row number at or after `from` that is neither on its way nor acknowledged, and how far that freedom reaches. */
  nextFree(rowClass: number, outbox: number, from: number): Range {
    const key = keyOf(rowClass, outbox);
    const inFlight = this.#inFlight.get(key) ?? [];
    const publications = this.#publications.get(key) ?? [];
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

  of(outbox: number): Publication[] {
    return [...this.all()].filter((publication) => publication.outbox === outbox);
  }

  *all(): Iterable<Publication> {
    for (const list of this.#publications.values()) yield* list;
  }

  /** The publication of a class that was acknowledged first. */
  oldestOf(rowClass: number): Publication | undefined {
    let oldest: Publication | undefined;
    for (const publication of this.all()) {
      if (publication.class === rowClass && (oldest === undefined || publication.ranMs < oldest.ranMs)) oldest = publication;
    }
    return oldest;
  }

  /** Running time at the oldest acknowledgement that no receipt has covered yet. */
  oldestRanMs(): number | undefined {
    let oldest: number | undefined;
    for (const { ranMs } of this.all()) oldest = Math.min(oldest ?? ranMs, ranMs);
    return oldest;
  }

  #list(rowClass: number, outbox: number): Publication[] {
    const key = keyOf(rowClass, outbox);
    const list = this.#publications.get(key);
    if (list) return list;
    const fresh: Publication[] = [];
    this.#publications.set(key, fresh);
    return fresh;
  }

  #set(rowClass: number, outbox: number, list: Publication[]): void {
    this.#publications.set(keyOf(rowClass, outbox), list);
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

function byFirst(a: Publication, b: Publication): number {
  return a.first - b.first;
}

function keyOf(rowClass: number, outbox: number): string {
  return `${rowClass}/${outbox}`;
}

function cut(publication: Publication, ranges: Ranges): Publication[] {
  return subtract([[publication.first, publication.last]], ranges).map(([first, last]) => ({ ...publication, first, last }));
}
