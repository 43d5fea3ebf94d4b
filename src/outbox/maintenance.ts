// Runs once a minute: evicts old rows, removes rows that no receipt will ever confirm, and copies the WAL into the database.
import { crashPoint } from '../base/index.ts';
import { rangesOf } from '../wire/index.ts';
import type { Parts } from './parts.ts';

/** If no cloud has ever sent a receipt, an acknowledged row is removed after this running time (docs/reference/protocol.md, Receipts). */
const REMOVE_ACKNOWLEDGED_AFTER_MS = 24 * 3_600_000;

/** Delivered alerts stay readable on the robot for a week of running time; the latest raised alert of a channel stays longer. */
const KEEP_ALERTS_MS = 7 * 24 * 3_600_000;

/** @param maxAgeMs age limit of a row, by its wall time. @throws SQLite's error */
export function maintain({ store, ledger, evictor, space, clock, lifetime, ranMs }: Parts, maxAgeMs: number): void {
  if (!lifetime.receiptsSeen) {
    for (const publication of [...ledger.lanes.all()]) {
      const record = ledger.records.at(publication.outbox);
      const isOld = publication.ranMs < ranMs() - REMOVE_ACKNOWLEDGED_AFTER_MS;
      if (record && isOld) ledger.evict(record, ledger.rowsOf(publication));
    }
  }
  if (clock.trusted()) {
    for (const record of ledger.records.all) {
      const old = store.olderThan(record.ordinal, clock.wall() - maxAgeMs);
      if (old.length > 0) evictor.evict(record, rangesOf(old), 'age');
    }
  }
  store.dropDeliveredAlerts(ranMs() - KEEP_ALERTS_MS);
  store.checkpoint();
  crashPoint('checkpointed');
  space.restoreBallast();
}
