// Applies one page of a receipt in one transaction: covered rows are removed; exhausted and unknown rows are declared.
import { crashPoint } from '../base/index.ts';
import { count, type Ranges, type Receipt, subtract, union } from '../wire/index.ts';
import { unlessFull } from './capacity.ts';
import type { WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';
import { receiptEffect } from './receiptEffect.ts';
import type { OutboxRecord } from './store.ts';

export interface Applied {
  /** Rows that were committed with the receipt. */
  readonly declarations: readonly WaitingRow[];
  /** Whether rows are due again. */
  readonly resends: boolean;
}

/** @returns undefined if the receipt speaks of rows beyond the accepted ones. @throws SQLite's error; then nothing is applied. */
export function applyReceipt(
  { store, ledger, evictor, counters, clock, lifetime, ranMs }: Parts,
  record: OutboxRecord,
  receipt: Receipt,
): Applied | undefined {
  const book = { ...record, open: record === ledger.records.open };
  const now = { boot: lifetime.boot, ranBeforeMs: lifetime.ranBeforeMs };
  const effect = receiptEffect(book, receipt, now, ledger.lanes.of(record.ordinal), store.declared(record.id));
  if (!effect) return undefined;
  crashPoint('receipt_read');
  lifetime.sawReceipt(clock.mono());
  const exhausted = effect.exhausted.reduce((all: Ranges, publication) => union(all, ledger.rowsOf(publication)), []);
  const poison = subtract(exhausted, effect.covered);
  const declarations = [
    ...(poison.length > 0 ? [evictor.declaration(record, poison, 'poison')] : []),
    ...(effect.undeclared.length > 0 ? [evictor.declaration(record, effect.undeclared, 'released')] : []),
  ];
  const alerts = store.alertTimes(record.ordinal, effect.delivered);
  const confirmed = subtract(effect.delivered, record.gone);
  const areAlertsKept = unlessFull(() => ledger.applyReceipt(record, effect, poison, declarations, ranMs()));
  // If there is no space to keep the delivered alerts readable, they are removed with the other rows.
  if (!areAlertsKept) ledger.applyReceipt(record, effect, poison, declarations, undefined);
  counters.confirmed += count(confirmed);
  counters.evictedBy.poison += count(poison);
  counters.evictedBy.released += count(effect.undeclared);
  counters.alertsReached('receipt', alerts);
  ledger.records.receiptCame(record, receipt, lifetime.boot);
  return { declarations, resends: effect.resend.length > 0 };
}
