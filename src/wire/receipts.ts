// Defines the message of `<p>/receipts`: the rows in the cloud's database. A PUBACK confirms only that the broker has a row. A receipt
// confirms its delivery.
import * as z from 'zod';
import { mark, outboxId, type Range, range, thingName, wallTime } from './names.ts';
import { normalize, type Ranges } from './ranges.ts';

/** Limit of ranges in a page. Further ranges are sent in more pages. */
export const MAX_RECEIPT_RANGES = 200;

export const receipt = z.object({
  thing: thingName,
  outbox: outboxId,
  /** For people only. No rule compares the clocks of robot and cloud. */
  at: wallTime,
  /** The highest `accepted` that the cloud has received for this outbox. */
  accepted: z.number().int().min(0),
  /** The highest mark of this robot among the messages that the cloud handled before it read the coverage. */
  mark,
  /** Every seq up to this number is committed or declared evicted. */
  through: z.number().int().min(0),
  /** The receipt is complete for `after` < seq <= `to`, and states nothing about other rows. A `to` of null has no end. */
  after: z.number().int().min(0),
  to: z.number().int().min(0).nullable(),
  also: z.array(range).max(MAX_RECEIPT_RANGES),
});
export type Receipt = z.infer<typeof receipt>;

/** @returns the rows that a receipt covers. */
export function coveredBy(page: Pick<Receipt, 'through' | 'also'>): Ranges {
  const upTo: Range[] = page.through > 0 ? [[1, page.through]] : [];
  return normalize([...upTo, ...page.also]);
}

export type ReceiptSpan = Pick<Receipt, 'through' | 'after' | 'to' | 'also'>;

/** Splits the coverage of an outbox into pages of at most {@link MAX_RECEIPT_RANGES} ranges. Together the pages span all rows. */
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
