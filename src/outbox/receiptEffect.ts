// The effect of a receipt on one outbox: rows that are delivered, rows to send again, rows to declare. Pure. The rules stand in
// docs/reference/protocol.md, Receipts; a model of them found each rule necessary.
import { coveredBy, intersect, type Mark, type Ranges, type Receipt, subtract, union } from '../wire/index.ts';
import type { Publication } from './lanes.ts';

/** A row acknowledged this much before the receipt's mark should have been in the database by then. */
export const RESEND_AFTER_MS = 60_000;

/** A row that is never covered is sent ever more rarely, up to this. */
const RESEND_AT_MOST_EVERY_MS = 3_600_000;

/** After so many tries a row is declared poison. */
export const MAX_TRIES = 10;

export interface Book {
  readonly id: string;
  readonly open: boolean;
  readonly accepted: number;
  /** Rows that earlier receipts covered. */
  readonly covered: Ranges;
  /** Rows that this robot no longer holds although no receipt covered them: evicted, or lost with a damaged file. */
  readonly gone: Ranges;
}

export interface ReceiptEffect {
  readonly accepted: number;
  readonly covered: Ranges;
  /** Newly delivered: these rows can be removed. */
  readonly delivered: Ranges;
  readonly resend: readonly Publication[];
  /** Published {@link MAX_TRIES} times in vain: their held rows are evicted as poison. */
  readonly exhausted: readonly Publication[];
  /** Rows that the cloud saw announced and this file does not know, because the file fell back to an earlier state. */
  readonly vanished: Ranges;
  /** Evicted without the cloud's knowledge: to be declared as released. */
  readonly undeclared: Ranges;
}

/**
 * @param now this start's boot number, and the running time before it: marks of another start say nothing about ours.
 * @param publications those of this outbox.
 * @param declared ranges in declarations that are still held.
 * @returns undefined for a receipt that claims more than the robot ever assigned.
 */
export function receiptEffect(
  book: Book,
  receipt: Receipt,
  now: { boot: number; ranBeforeMs: number },
  publications: readonly Publication[],
  declared: Ranges,
): ReceiptEffect | undefined {
  const claimed = coveredBy(receipt);
  const highest = Math.max(receipt.accepted, claimed.at(-1)?.[1] ?? 0);
  if (book.open && highest > book.accepted) return undefined;
  const accepted = Math.max(book.accepted, highest);
  const covered = union(book.covered, claimed);
  const vanished: Ranges = accepted > book.accepted ? [[book.accepted + 1, accepted]] : [];
  const span: Ranges = spanOf(receipt, accepted);
  const uncovered = subtract(span, covered);
  const overdue = publications.filter((publication) => touches(publication, uncovered) && isOverdue(publication, receipt.mark, now));
  return {
    accepted,
    covered,
    delivered: subtract(claimed, book.covered),
    resend: overdue.filter((publication) => publication.tries < MAX_TRIES),
    exhausted: overdue.filter((publication) => publication.tries >= MAX_TRIES),
    vanished,
    undeclared: subtract(intersect(uncovered, union(book.gone, vanished)), declared),
  };
}

function spanOf(receipt: Receipt, accepted: number): Ranges {
  const last = Math.min(receipt.to ?? accepted, accepted);
  return last > receipt.after ? [[receipt.after + 1, last]] : [];
}

/** How long an acknowledged row may stay uncovered: 60 s, doubling with each try up to an hour. */
export function patienceMs(tries: number): number {
  return Math.min(RESEND_AFTER_MS * 2 ** (tries - 1), RESEND_AT_MOST_EVERY_MS);
}

function isOverdue(publication: Publication, mark: Mark, now: { boot: number; ranBeforeMs: number }): boolean {
  if (mark[0] !== now.boot) return false;
  // A publication of an earlier start counts from this start: its own monotonic time is gone.
  const publishedMs = Math.max(0, publication.ranMs - now.ranBeforeMs);
  return mark[1] - publishedMs > patienceMs(publication.tries);
}

function touches(publication: Publication, ranges: Ranges): boolean {
  return ranges.some(([first, last]) => publication.first <= last && publication.last >= first);
}
