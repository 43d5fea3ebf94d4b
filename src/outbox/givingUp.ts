// Rows that will never be delivered go in the one transaction in which it is written which, so that the cloud hears of each.
import type { Clock } from '../clock/index.ts';
import { count, type EventBody, type EvictionReason, type Ranges } from '../wire/index.ts';
import type { Counts } from './figures.ts';
import { stamped, type WaitingRow } from './intake.ts';
import type { Ledger } from './ledger.ts';
import type { OutboxRecord } from './store.ts';

export class GivingUp {
  readonly #ledger: Ledger;
  readonly #counts: Counts;
  readonly #clock: Clock;
  readonly #committed: (rows: readonly WaitingRow[]) => void;

  constructor(ledger: Ledger, counts: Counts, clock: Clock, committed: (rows: readonly WaitingRow[]) => void) {
    this.#ledger = ledger;
    this.#counts = counts;
    this.#clock = clock;
    this.#committed = committed;
  }

  /** Durable when it returns. @throws SQLite's error; then nothing went. */
  now(record: OutboxRecord, ranges: Ranges, reason: EvictionReason): void {
    const declaration = this.declaration(record, ranges, reason);
    this.#ledger.giveUp(record, ranges, declaration);
    this.#counts.evictedBy[reason] += count(ranges);
    this.#committed([declaration]);
  }

  declaration(record: OutboxRecord, ranges: Ranges, reason: EvictionReason): WaitingRow {
    const body: EventBody = { kind: 'evicted', of: record.id, ranges, reason };
    return stamped({ class: 'event', body }, this.#clock);
  }
}
