// What is done once a minute: rows that are too old go, what only a receipt could confirm goes where none ever came, and the WAL
// is copied into the database.

import { crashPoint } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Lifetime } from '../state/index.ts';
import { rangesOf } from '../wire/index.ts';
import type { Counts } from './figures.ts';
import type { GivingUp } from './givingUp.ts';
import type { Ledger } from './ledger.ts';
import type { Store } from './store.ts';

/** Without any cloud that sends receipts, an acknowledged row is let go after this running time (contract, Receipts). */
const LET_GO_AFTER_MS = 24 * 3_600_000;

/** Delivered alerts stay readable on the robot for a week of running time; those that stand, as long as they do. */
const KEEP_ALERTS_MS = 7 * 24 * 3_600_000;

export interface Parts {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly givingUp: GivingUp;
  readonly counts: Counts;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  /** The robot's total running time, in milliseconds. */
  readonly ranMs: number;
}

/** @param maxAgeMs of a row, by its wall time. @throws SQLite's error */
export function takeCare({ store, ledger, givingUp, clock, lifetime, ranMs }: Parts, maxAgeMs: number): void {
  if (!lifetime.receiptsSeen) {
    for (const publication of [...ledger.lanes.all()]) {
      const record = ledger.records.at(publication.outbox);
      if (record && publication.ranMs < ranMs - LET_GO_AFTER_MS) ledger.giveUp(record, ledger.rowsOf(publication));
    }
  }
  if (clock.trusted()) {
    for (const record of ledger.records.all) {
      const old = store.olderThan(record.ordinal, clock.wall() - maxAgeMs);
      if (old.length > 0) givingUp.now(record, rangesOf(old), 'age');
    }
  }
  store.dropDeliveredAlerts(ranMs - KEEP_ALERTS_MS);
  store.checkpoint();
  crashPoint('checkpointed');
}
