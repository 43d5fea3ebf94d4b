// Evicts undelivered rows. The transaction that deletes them also writes the event that declares the loss to the cloud.
import { count, type EventBody, type EvictionReason, type Ranges, rangesOf } from '../wire/index.ts';
import { inParts } from './declarations.ts';
import { stamped, type WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';
import type { OutboxRecord } from './records.ts';
import { classNumber, ROW_CLASSES, type RowClass } from './rows.ts';

/** Rows per eviction. */
const BATCH = 1_000;

/** Rows of a class beyond this number are evicted before all others, so that a flood of them does not displace the readings. */
const MOST_ROWS: Readonly<Partial<Record<RowClass, number>>> = { result: 2_000, event: 10_000 };

/**
 * Limits of a declaration: its ranges, and the alerts that it names with time and channel. Within them it has at most 7.5 KB, which fits into
 * a packet of 8 KiB.
 */
const RANGES = 150;
const NAMED_ALERTS = 50;

/** Evicts and declares rows, durably and in one transaction. @throws SQLite's error */
export function evict(parts: Parts, record: OutboxRecord, ranges: Ranges, reason: EvictionReason): void {
  const { ledger, counters, commits, space } = parts;
  const events = declarations(parts, record, ranges, reason);
  space.withPages('bookkeeping', () => ledger.evict(record, ranges, events));
  counters.evictedBy[reason] += count(ranges);
  commits.added(events);
}

/** Builds the declarations of rows that the file still holds. @throws SQLite's error */
export function declarations(
  parts: Pick<Parts, 'store' | 'clock'>,
  record: OutboxRecord,
  ranges: Ranges,
  reason: EvictionReason,
): WaitingRow[] {
  return inParts(ranges, RANGES).map((some) => declaration(parts, record, some, reason));
}

function declaration(
  { store, clock }: Pick<Parts, 'store' | 'clock'>,
  record: OutboxRecord,
  ranges: Ranges,
  reason: EvictionReason,
): WaitingRow {
  const alerts = store.alerts(record.ordinal, ranges).slice(0, NAMED_ALERTS);
  const named = alerts.map(({ seq, at, channel }): [number, number, string] => [seq, at, channel]);
  const body: EventBody = { kind: 'evicted', of: record.id, ranges, reason, ...(named.length > 0 ? { alerts: named } : {}) };
  return stamped({ class: 'event', body }, clock, false);
}

/**
 * Removes one batch of rows, the least valuable first: delivered alerts, acknowledged telemetry, then the oldest telemetry, events,
 * results and alerts, in that order; a flood of results or events first. For an alert, ids of commands are removed too if no row is left.
 * @param rowClass the class of the rows that need the space. No row of a more urgent class is removed for them.
 * @returns false if nothing is left to remove. @throws SQLite's error
 */
export function makeSpace(parts: Parts, rowClass: RowClass): boolean {
  if (parts.store.dropOldestDelivered(BATCH) > 0) return true;
  const next = nextEviction(parts, rowClass);
  const record = next && parts.ledger.outboxes.byOrdinal(next.outbox);
  if (!record) return rowClass === 'alert' && parts.store.dropOldestCommands(BATCH) > 0;
  evict(parts, record, next.ranges, 'space');
  parts.declarations.merge(parts, { ranges: RANGES, alerts: NAMED_ALERTS });
  return true;
}

/** @returns the rows to evict next, all from one outbox; undefined if neither a flood nor a row of this class or a less urgent one is left. */
function nextEviction({ store, ledger }: Parts, rowClass: RowClass): { readonly outbox: number; readonly ranges: Ranges } | undefined {
  const held = store.tally();
  const flooding = ROW_CLASSES.filter((name) => held[name] > (MOST_ROWS[name] ?? Number.POSITIVE_INFINITY));
  const acknowledged = flooding.length > 0 ? undefined : ledger.publications.oldest(classNumber('telemetry'));
  const sent = acknowledged ? ledger.rowsOf(acknowledged) : [];
  if (acknowledged && sent.length > 0) return { outbox: acknowledged.outbox, ranges: sent };
  for (const name of [...flooding, ...ROW_CLASSES.slice(classNumber(rowClass)).toReversed()]) {
    const oldest = store.oldest(classNumber(name), BATCH);
    const outbox = oldest[0]?.outbox;
    if (outbox !== undefined) return { outbox, ranges: rangesOf(oldest.filter((row) => row.outbox === outbox).map(({ seq }) => seq)) };
  }
  return undefined;
}
