// Reads the record of each outbox that a file has held.
import type { Ranges } from '../wire/index.ts';
import type { Db } from './schema.ts';

export interface OutboxRecord {
  readonly ordinal: number;
  readonly id: string;
  accepted: number;
  /** Rows covered by receipts. */
  covered: Ranges;
  /** Rows that were evicted, or lost with a damaged file, before a receipt covered them. */
  gone: Ranges;
}

/** Returns all outboxes of a file, oldest first. */
export function readOutboxes(db: Db): OutboxRecord[] {
  const found = db.prepare('select ordinal, id, accepted, covered, gone from outboxes order by ordinal').all();
  return (found as { ordinal: number; id: string; accepted: number; covered: string; gone: string }[]).map((outbox) => ({
    ...outbox,
    covered: JSON.parse(outbox.covered) as Ranges,
    gone: JSON.parse(outbox.gone) as Ranges,
  }));
}
