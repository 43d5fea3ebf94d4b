// `<p>/receipts`: what the cloud's database has. PUBACK only says that the broker has a row; this says it is delivered.
import * as z from 'zod';
import { mark, outboxId, type Range, range, thingName, wallTime } from './names.ts';
import { normalize, type Ranges } from './ranges.ts';

/** More ranges than this go in further pages. */
export const MAX_RECEIPT_RANGES = 200;

export const receipt = z.object({
  thing: thingName,
  outbox: outboxId,
  /** For people only: no rule compares the two sides' clocks. */
  at: wallTime,
  /** The highest seq the cloud has seen announced for this outbox. */
  accepted: z.number().int().min(0),
  /** The highest mark of this robot handled before the coverage was read. */
  mark,
  /** Every seq up to here is committed or declared evicted. */
  through: z.number().int().min(0),
  /** The receipt is complete for `after` < seq <= `to` (null: no end) and says nothing beyond. */
  after: z.number().int().min(0),
  to: z.number().int().min(0).nullable(),
  also: z.array(range).max(MAX_RECEIPT_RANGES),
});
export type Receipt = z.infer<typeof receipt>;

/** The rows that a receipt covers, as ranges. */
export function coveredBy(page: Pick<Receipt, 'through' | 'also'>): Ranges {
  const upTo: Range[] = page.through > 0 ? [[1, page.through]] : [];
  return normalize([...upTo, ...page.also]);
}

export type ReceiptSpan = Pick<Receipt, 'through' | 'after' | 'to' | 'also'>;

/** Cuts one outbox's coverage into pages of at most {@link MAX_RECEIPT_RANGES} ranges; together they span everything. */
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
