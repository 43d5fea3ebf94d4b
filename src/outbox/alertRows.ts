// Shows the held alert rows to a caller that follows alerts until a receipt covers them. Rows without a commit are shown too, because
// the pump cannot send them while the disk fails.
import { includes, type ReadingExtra } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';
import { decodeReading } from './rows.ts';

/** A row's number within an outbox. */
export interface RowName {
  readonly outbox: string;
  readonly seq: number;
}

export interface AlertRow {
  /** Undefined while the row waits for its commit. */
  readonly name: RowName | undefined;
  readonly channel: string;
  readonly extra: ReadingExtra;
  /** Wall time at which the row was accepted. */
  readonly at: number;
  /** Monotonic time in the run that accepted the row; undefined for a row of an earlier run. */
  readonly mono: number | undefined;
}

/** @returns the committed alert rows after `after`, oldest first. @throws SQLite's error */
export function alertRowsAfter({ store, ledger, clock }: Pick<Parts, 'store' | 'ledger' | 'clock'>, after?: RowName): AlertRow[] {
  const { outboxes } = ledger;
  const from = after && outboxes.byId(after.outbox);
  return store.alertsAfter(from?.ordinal ?? 0, after?.seq ?? 0).flatMap(({ outbox, seq, channel, body, at, mono }) => {
    const record = outboxes.byOrdinal(outbox);
    if (record === undefined) return [];
    // Rows that the agent adopted when it repaired its outbox have the monotonic time of the agent before.
    const isOfThisRun = record === outboxes.open && mono <= clock.mono();
    const { extra } = decodeReading(body);
    return [{ name: { outbox: record.id, seq }, channel, extra, at, mono: isOfThisRun ? mono : undefined }];
  });
}

/** @returns the alerts among rows that wait for their commit. */
export function waitingAlerts(rows: readonly WaitingRow[], nowMs: number): AlertRow[] {
  return rows.flatMap(({ row, at, mono }) =>
    row.class === 'alert'
      ? [{ name: undefined, channel: row.channel, extra: row.extra ?? {}, at, mono: mono <= nowMs ? mono : undefined }]
      : [],
  );
}

/** Whether a receipt covers the row. An evicted row is covered too once the cloud knows of its eviction, but it was not delivered. */
export function isDelivered({ ledger }: Pick<Parts, 'ledger'>, { outbox, seq }: RowName): boolean {
  const record = ledger.outboxes.byId(outbox);
  return record !== undefined && includes(record.covered, seq) && !includes(record.gone, seq);
}
