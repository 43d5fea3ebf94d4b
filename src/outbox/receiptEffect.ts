// Calculates the effect of a receipt on one outbox: the rows that are delivered, the rows to send again, and the rows to declare. Pure.
// docs/reference/protocol.md, Receipts, states the rules. The model in test/model showed that each rule is necessary.
import { coveredBy, intersect, type Mark, type Ranges, type Receipt, subtract, union } from '../wire/index.ts';
import type { Publication } from './publications.ts';
import type { OutboxRecord } from './store.ts';

/** The database should hold a row by the receipt's mark if the row was acknowledged this long before the mark. */
const RESEND_AFTER_MS = 60_000;

/** Upper limit for the interval between two tries of a row that no receipt covers. */
const RESEND_AT_MOST_EVERY_MS = 3_600_000;

/** The number of tries after which a row is declared poison. */
const MAX_TRIES = 10;

export interface ReceiptEffect {
  readonly accepted: number;
  readonly covered: Ranges;
  /** Newly delivered rows, which can be removed. */
  readonly delivered: Ranges;
  readonly resend: readonly Publication[];
  /** Publications that {@link MAX_TRIES} tries did not deliver. Their held rows are evicted as poison. */
  readonly exhausted: readonly Publication[];
  /** Rows that the robot announced to the cloud but this file does not know, because it fell back to an earlier state. */
  readonly vanished: Ranges;
  /** Rows that were evicted without the cloud's knowledge. They are declared as released. */
  readonly undeclared: Ranges;
}

/** This start's boot number, and the running time before this start. Marks of other starts cannot be compared with ours. */
interface Start {
  readonly boot: number;
  readonly ranBeforeMs: number;
}

/**
 * @param publications publications of this outbox.
 * @param declared ranges in declarations that are still held.
 * @returns undefined if the receipt names more rows than the robot ever numbered.
 */
export function receiptEffect(
  outbox: OutboxRecord & { readonly isOpen: boolean },
  receipt: Receipt,
  start: Start,
  publications: readonly Publication[],
  declared: Ranges,
): ReceiptEffect | undefined {
  const claimed = coveredBy(receipt);
  const highest = Math.max(receipt.accepted, claimed.at(-1)?.[1] ?? 0);
  if (outbox.isOpen && highest > outbox.accepted) return undefined;
  const accepted = Math.max(outbox.accepted, highest);
  const covered = union(outbox.covered, claimed);
  const vanished: Ranges = accepted > outbox.accepted ? [[outbox.accepted + 1, accepted]] : [];
  const uncovered = subtract(spanOf(receipt, accepted), covered);
  const overdue = publications.filter((publication) => touches(publication, uncovered) && isOverdue(publication, receipt.mark, start));
  return {
    accepted,
    covered,
    delivered: subtract(claimed, outbox.covered),
    resend: overdue.filter((publication) => publication.tries < MAX_TRIES),
    exhausted: overdue.filter((publication) => publication.tries >= MAX_TRIES),
    vanished,
    undeclared: subtract(intersect(uncovered, union(outbox.gone, vanished)), declared),
  };
}

/** The rows that a page of a receipt describes. */
function spanOf(receipt: Receipt, accepted: number): Ranges {
  const last = Math.min(receipt.to ?? accepted, accepted);
  return last > receipt.after ? [[receipt.after + 1, last]] : [];
}

/** The interval is 60 s after the first try and doubles with each try, up to an hour. */
function isOverdue(publication: Publication, mark: Mark, start: Start): boolean {
  if (mark[0] !== start.boot) return false;
  // A publication of an earlier start counts from this start, because the monotonic time of the earlier start is lost.
  const publishedMs = Math.max(0, publication.ranMs - start.ranBeforeMs);
  return mark[1] - publishedMs > Math.min(RESEND_AFTER_MS * 2 ** (publication.tries - 1), RESEND_AT_MOST_EVERY_MS);
}

function touches(publication: Publication, ranges: Ranges): boolean {
  return ranges.some(([first, last]) => publication.first <= last && publication.last >= first);
}
