// Computes a receipt's effect on an outbox: which rows are delivered, which to send again and which to declare. Has no side effects. The
// rules are in docs/reference/protocol.md, Receipts; the model in test/model shows that each of them is necessary.
import { coveredBy, intersect, type Mark, normalize, type Ranges, type Receipt, rangesOf, subtract, union } from '../wire/index.ts';
import type { Publication } from './publications.ts';
import type { OutboxRecord } from './records.ts';
import { classNumber } from './rows.ts';

/** If a row was acknowledged more than this long before the receipt's mark, the cloud's database should have it by then. */
const RESEND_AFTER_MS = 60_000;

/** Longest interval between attempts to send a row that no receipt covers. */
const RESEND_AT_MOST_EVERY_MS = 3_600_000;

/** After this many attempts, a row is declared poison. */
const MAX_TRIES = 10;

export interface ReceiptEffect {
  readonly accepted: number;
  readonly covered: Ranges;
  /** Newly delivered rows, which can be deleted. */
  readonly delivered: Ranges;
  readonly resend: readonly Publication[];
  /** Publications that are still not delivered after {@link MAX_TRIES} attempts. Their rows must be evicted as poison. */
  readonly exhausted: readonly Publication[];
  /** Rows that the cloud knows of but this file does not, because the file was restored to an earlier state. */
  readonly vanished: Ranges;
  /** Rows that are gone, but whose loss the cloud does not know of. They must be declared as released. */
  readonly undeclared: Ranges;
}

/** The current run's boot counter and the running time of all earlier runs. Marks are only comparable within the same run. */
interface Start {
  readonly boot: number;
  readonly ranBeforeMs: number;
}

/**
 * @param outbox `doubtful` has the rows that the receipt must not release, see {@link unacknowledged}.
 * @param publications this outbox's publications.
 * @param declared rows named by declarations that the file still holds.
 * @returns undefined if the receipt names row numbers that the open outbox has not assigned.
 */
export function receiptEffect(
  outbox: OutboxRecord & { readonly isOpen: boolean; readonly doubtful: Ranges },
  receipt: Receipt,
  start: Start,
  publications: readonly Publication[],
  declared: Ranges,
): ReceiptEffect | undefined {
  const claimed = coveredBy(receipt);
  const highest = Math.max(receipt.accepted, claimed.at(-1)?.[1] ?? 0);
  if (outbox.isOpen && highest > outbox.accepted) return undefined;
  const accepted = Math.max(outbox.accepted, highest);
  const released = subtract(claimed, outbox.doubtful);
  const covered = union(outbox.covered, released);
  const vanished: Ranges = accepted > outbox.accepted ? [[outbox.accepted + 1, accepted]] : [];
  const uncovered = subtract(spanOf(receipt, accepted), union(covered, outbox.doubtful));
  const overdue = publications.filter((publication) => touches(publication, uncovered) && isOverdue(publication, receipt.mark, start));
  return {
    accepted,
    covered,
    delivered: subtract(released, outbox.covered),
    resend: overdue.filter((publication) => publication.tries < MAX_TRIES),
    exhausted: overdue.filter((publication) => publication.tries >= MAX_TRIES),
    vanished,
    undeclared: subtract(intersect(uncovered, union(outbox.gone, vanished)), declared),
  };
}

/**
 * Returns the alerts that the broker has never acknowledged. An honest receipt may cover them: their PUBACK was lost or is on its way, the
 * robot crashed before it had stored it, or the file is a restored backup. They are sent once more, and the receipt after that covers them.
 * @param alerts numbers of held alerts. @param publications their outbox's publications.
 */
export function unacknowledged(alerts: readonly number[], publications: readonly Publication[]): Ranges {
  const acknowledged = publications.filter((publication) => publication.class === classNumber('alert'));
  return subtract(rangesOf(alerts), normalize(acknowledged.map(({ first, last }) => [first, last])));
}

/** Returns the range of row numbers that this page of the receipt describes. */
function spanOf(receipt: Receipt, accepted: number): Ranges {
  const last = Math.min(receipt.to ?? accepted, accepted);
  return last > receipt.after ? [[receipt.after + 1, last]] : [];
}

/** Whether to send a publication again: 60 s after its first attempt, then at intervals that double up to an hour. */
function isOverdue(publication: Publication, mark: Mark, start: Start): boolean {
  if (mark[0] !== start.boot) return false;
  // A publication from an earlier run is treated as if it had been sent at this run's startup.
  const publishedMs = Math.max(0, publication.ranMs - start.ranBeforeMs);
  return mark[1] - publishedMs > Math.min(RESEND_AFTER_MS * 2 ** (publication.tries - 1), RESEND_AT_MOST_EVERY_MS);
}

function touches(publication: Publication, ranges: Ranges): boolean {
  return ranges.some(([first, last]) => publication.first <= last && publication.last >= first);
}
