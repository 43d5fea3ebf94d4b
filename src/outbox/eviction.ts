// Rows that will never be delivered. They go in the same transaction as the declaration that names them, so that the cloud hears of each.
import type { Clock } from '../clock/index.ts';
import { count, type EventBody, type EvictionReason, type Ranges, rangesOf } from '../wire/index.ts';
import { stamped, type WaitingRow } from './intake.ts';
import type { Ledger } from './ledger.ts';
import type { Counters } from './metrics.ts';
import { classNumber, ROW_CLASSES } from './rows.ts';
import type { OutboxRecord, Store } from './store.ts';

/** Rows that are evicted at once. */
const BATCH = 1_000;

export interface EvictorParts {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly onCommitted: (rows: readonly WaitingRow[]) => void;
}

export class Evictor {
  readonly #parts: EvictorParts;

  constructor(parts: EvictorParts) {
    this.#parts = parts;
  }

  /** Durable when it returns. @throws SQLite's error; then no row is evicted. */
  evict(record: OutboxRecord, ranges: Ranges, reason: EvictionReason): void {
    const { ledger, counters, onCommitted } = this.#parts;
    const declaration = this.declaration(record, ranges, reason);
    ledger.evict(record, ranges, declaration);
    counters.evictedBy[reason] += count(ranges);
    onCommitted([declaration]);
  }

  declaration(record: OutboxRecord, ranges: Ranges, reason: EvictionReason): WaitingRow {
    const body: EventBody = { kind: 'evicted', of: record.id, ranges, reason };
    return stamped({ class: 'event', body }, this.#parts.clock);
  }

  /**
   * Makes space: removes delivered alerts first, then acknowledged telemetry, then the oldest telemetry, events, results; alerts last.
   * @returns false if nothing is left to evict. @throws SQLite's error
   */
  makeSpace(): boolean {
    const { store, ledger } = this.#parts;
    if (store.dropOldestDelivered(BATCH) > 0) return true;
    const next = nextEviction(store, ledger);
    const record = next && ledger.records.at(next.outbox);
    if (!record) return false;
    this.evict(record, next.ranges, 'space');
    return true;
  }
}

/** @returns the rows to evict next, of one outbox by its ordinal; undefined if none is left. */
function nextEviction(store: Store, ledger: Ledger): { readonly outbox: number; readonly ranges: Ranges } | undefined {
  const acknowledged = ledger.lanes.oldestOf(classNumber('telemetry'));
  const sent = acknowledged ? ledger.rowsOf(acknowledged) : [];
  if (acknowledged && sent.length > 0) return { outbox: acknowledged.outbox, ranges: sent };
  for (const name of ROW_CLASSES.toReversed()) {
    const oldest = store.oldest(classNumber(name), BATCH);
    const outbox = oldest[0]?.outbox;
    if (outbox !== undefined) return { outbox, ranges: rangesOf(oldest.filter((row) => row.outbox === outbox).map(({ seq }) => seq)) };
  }
  return undefined;
}
