// Defines the message on `<p>/receipts`, with which the cloud tells the robot which rows are in its database. A PUBACK only means that the
// broker has a row; a receipt confirms that the row has been delivered.
import * as z from 'zod';
import { mark, outboxId, type Range, range, thingName, wallTime } from './names.ts';
import { normalize, type Ranges } from './ranges.ts';

/** Limit on the ranges in one receipt. If there are more, the receipt is split into pages. */
export const MAX_RECEIPT_RANGES = 200;

export const receipt = z.object({
  thing: thingName,
  outbox: outboxId,
  /** For human readers only. */
  at: wallTime,
  /**
   * The cloud's clock, read after `mark` was handled, so that the robot can judge its own clock. `at` has no such promise. Must not be compared
   * with the times of rows, because the clocks may differ.
   */
  sent_at: wallTime.optional(),
  /** The highest `accepted` that the cloud has received from this outbox. */
  accepted: z.number().int().min(0),
  /** The highest of this robot's marks in the messages that the cloud had processed when it computed the receipt. */
  mark,
  /** All rows up to this number are either in the database or declared evicted. */
  through: z.number().int().min(0),
  /** The receipt is complete for `after` < seq <= `to`, or for all later rows if `to` is null. It says nothing about other rows. */
  after: z.number().int().min(0),
  to: z.number().int().min(0).nullable(),
  also: z.array(range).max(MAX_RECEIPT_RANGES),
});
export type Receipt = z.infer<typeof receipt>;

/** Returns the rows that a receipt covers. */
export function coveredBy(page: Pick<Receipt, 'through' | 'also'>): Ranges {
  const upTo: Range[] = page.through > 0 ? [[1, page.through]] : [];
  return normalize([...upTo, ...page.also]);
}

export type ReceiptSpan = Pick<Receipt, 'through' | 'after' | 'to' | 'also'>;

/** Splits an outbox's coverage into pages of at most {@link MAX_RECEIPT_RANGES} ranges. Together, the pages describe all rows. */
export function receiptPages(covered: Ranges): ReceiptSpan[] {
  const first = covered[0];
  const through = first?.[0] === 1 ? first[1] : 0;
  const rest = through > 0 ? covered.slice(1) : covered;
  const pages: ReceiptSpan[] = [];
  let after = 0;
  for (let from = 0; from < rest.length || pages.length === 0; from += MAX_RECEIPT_RANGES) {
    const also = rest.slice(from, from + MAX_RECEIPT_RANGES);
    const last = also.at(-1);
    const to = from + MAX_RECEIPT_RANGES < rest.length && last ? last[1] : null;
    pages.push({ through, after, to, also });
    after = to ?? after;
  }
  return pages;
}
