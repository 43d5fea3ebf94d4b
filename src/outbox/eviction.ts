// What goes when there is no room: delivered alerts, then acknowledged telemetry, then the oldest telemetry, events, results;
// alerts last. It only chooses; the outbox gives the rows up and declares them.
import { type Ranges, rangesOf } from '../wire/index.ts';
import type { Ledger } from './ledger.ts';
import { classNumber, ROW_CLASSES } from './rows.ts';
import type { Store } from './store.ts';

/** Rows that go at once. */
const BATCH = 1_000;

export interface Eviction {
  /** Ordinal of the outbox. */
  readonly outbox: number;
  readonly ranges: Ranges;
}

/** @returns what to give up next; `delivered` when room was made by forgetting what the cloud has; undefined when nothing is left. */
export function nextEviction(store: Store, ledger: Ledger): Eviction | 'delivered' | undefined {
  if (store.dropOldestDelivered(BATCH) > 0) return 'delivered';
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
