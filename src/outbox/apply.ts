// One page of a receipt, applied in one transaction: what it covers goes, what is hopeless or unknown is declared.

import { crashPoint } from '../base/index.ts';
import { count, type Ranges, type Receipt, subtract, union } from '../wire/index.ts';
import type { Parts } from './care.ts';
import type { WaitingRow } from './intake.ts';
import { whereRoom } from './room.ts';
import { settle } from './settle.ts';
import type { OutboxRecord } from './store.ts';

export interface Applied {
  /** Rows that were committed with it. */
  readonly declarations: readonly WaitingRow[];
  /** Whether rows are due again. */
  readonly resends: boolean;
}

/** @returns undefined where it speaks of rows beyond those accepted. @throws SQLite's error; then nothing is applied. */
export function applyReceipt(
  { store, ledger, givingUp, counts, clock, lifetime, ranMs }: Parts,
  record: OutboxRecord,
  receipt: Receipt,
): Applied | undefined {
  const book = { ...record, open: record === ledger.records.open };
  const now = { boot: lifetime.boot, ranBeforeMs: lifetime.ranBeforeMs };
  const outcome = settle(book, receipt, now, ledger.lanes.of(record.ordinal), store.declared(record.id));
  if (!outcome) return undefined;
  crashPoint('receipt_read');
  lifetime.sawReceipt(clock.mono());
  const hopeless = outcome.hopeless.reduce((all: Ranges, publication) => union(all, ledger.rowsOf(publication)), []);
  const poison = subtract(hopeless, outcome.covered);
  const declarations = [
    ...(poison.length > 0 ? [givingUp.declaration(record, poison, 'poison')] : []),
    ...(outcome.undeclared.length > 0 ? [givingUp.declaration(record, outcome.undeclared, 'released')] : []),
  ];
  const alerts = store.alertTimes(record.ordinal, outcome.delivered);
  const confirmed = subtract(outcome.delivered, record.gone);
  const isKept = whereRoom(() => ledger.settle(record, outcome, poison, declarations, ranMs));
  // Delivered alerts are kept where there is room; without, they go with the rest.
  if (!isKept) ledger.settle(record, outcome, poison, declarations, undefined);
  counts.confirmed += count(confirmed);
  counts.evictedBy.poison += count(poison);
  counts.evictedBy.released += count(outcome.undeclared);
  counts.alertsCame('receipt', alerts);
  ledger.records.heardOf(record, receipt, lifetime.boot);
  return { declarations, resends: outcome.resend.length > 0 };
}
