// Makes the partitions of the coming months and deletes old rows. Each table has its own retention. Outboxes and alerts are kept for ever:
// receipts and the accounting need the outboxes.
import { messageOf } from '../../../src/base/index.ts';
import type { Database } from '../database/index.ts';
import { ROW_TABLES, type RowTable } from '../messages/index.ts';
import { MONITOR_TABLES, type MonitorTable, newestUnnamed } from '../robots/index.ts';
import type { Retention } from '../settings/index.ts';
import { type Month, makeMonth, partitionsOf, removeMonth } from './months.ts';

const DAY_MS = 86_400_000;
/** Months created ahead, because a robot's clock may be ahead and this program may not run for a while. */
const MONTHS_AHEAD = 2;
/** Rows per DELETE. */
const DELETE_AT_ONCE = 10_000;
const MONITORS_AT_ONCE = 5_000;

/** Tables without partitions, each with the column that states the age of a row, and whose retention counts. */
const BY_COLUMN = [
  ['poison_messages', 'received_at', 'poison_messages'],
  ['poison_counts', 'hour', 'poison_messages'],
  ['commands', 'given_at', 'commands'],
] as const;

/**
 * Creates the partitions for new rows and deletes old rows. May run in several instances at once. A part that fails stops no other part.
 * @param signal ends it between two statements. @param onMonths is called when the partitions for new rows exist, or can't be made now.
 * @returns the changed partitions. @throws AggregateError with the errors of the parts that failed, after all parts
 */
export async function applyRetention(
  db: Database,
  retention: Retention,
  nowMs: number,
  signal: AbortSignal = new AbortController().signal,
  onMonths: () => void = () => {},
): Promise<{ readonly created: readonly string[]; readonly dropped: readonly string[] }> {
  const oldestOf = (days: number | null): number => (days === null ? 0 : nowMs - days * DAY_MS);
  const created: string[] = [];
  const dropped: string[] = [];
  const errors: unknown[] = [];
  const part = async (work: () => Promise<unknown>): Promise<void> => {
    if (!signal.aborted) await work().catch((error: unknown) => errors.push(error));
  };
  for (const table of ROW_TABLES) {
    const days = retention[table];
    await part(async () => {
      for (const { name, state } of await partitionsOf(db, table)) {
        if (state === 'removing') await removeMonth(db, table, name, oldestOf(days), signal);
      }
    });
    await part(async () => created.push(...(await createMonths(db, table, (days ?? 0) * DAY_MS, nowMs, signal))));
  }
  onMonths();
  for (const table of ROW_TABLES) {
    const days = retention[table];
    if (days === null) continue;
    await part(async () => dropped.push(...(await dropMonths(db, table, oldestOf(days), signal))));
    await part(() => deleteOlder(db, `${table}_default`, 'received_at', oldestOf(days), signal));
  }
  for (const [table, column, kept] of BY_COLUMN) {
    const days = retention[kept];
    if (days !== null) await part(() => deleteOlder(db, table, column, oldestOf(days), signal));
  }
  for (const table of MONITOR_TABLES) {
    const days = retention[table];
    if (days !== null) await part(() => deleteMonitors(db, table, oldestOf(days), retention.named.includes(table), signal));
    await part(() => db.query(`delete from ${table}_of where id < (select min(id) from ${table})`));
  }
  if (errors.length > 0) throw new AggregateError(errors, [...new Set(errors.map(messageOf))].join('; '));
  return { created, dropped };
}

/** Returns the months in UTC from the month of `fromMs` to the month of `toMs`. */
export function monthsBetween(fromMs: number, toMs: number): Month[] {
  const start = new Date(fromMs);
  const months: Month[] = [];
  for (let n = start.getUTCMonth(); Date.UTC(start.getUTCFullYear(), n) <= toMs; n++) months.push(monthAt(start.getUTCFullYear(), n));
  return months;
}

function monthAt(year: number, index: number): Month {
  const fromMs = Date.UTC(year, index);
  return { name: new Date(fromMs).toISOString().slice(0, 7).replace('-', '_'), fromMs, toMs: Date.UTC(year, index + 1) };
}

/** @param keptMs the retention of the table. @returns the partitions that were created. */
export async function createMonths(
  db: Database,
  table: RowTable,
  keptMs: number,
  nowMs: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<string[]> {
  const existing = await partitionsOf(db, table);
  const now = new Date(nowMs);
  const unfinished = existing.flatMap(({ name, state }) => (state === 'making' ? (monthOf(table, name) ?? []) : []));
  const months = [...unfinished, ...monthsBetween(nowMs - keptMs, Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + MONTHS_AHEAD))];
  const missing = new Map(months.map((month) => [`${table}_${month.name}`, month]));
  for (const { name, state } of existing) if (state === 'attached') missing.delete(name);
  const created: string[] = [];
  for (const [name, month] of missing) {
    await makeMonth(db, table, month, signal);
    if (!signal.aborted) created.push(name);
  }
  return created;
}

/** Drops the months that ended before `oldestMs`. @returns the partitions that were dropped. */
async function dropMonths(db: Database, table: RowTable, oldestMs: number, signal: AbortSignal): Promise<string[]> {
  const old = (await partitionsOf(db, table))
    .map(({ name }) => name)
    .filter((name) => (monthOf(table, name)?.toMs ?? Infinity) <= oldestMs);
  for (const name of old) await removeMonth(db, table, name, oldestMs, signal);
  return old;
}

/** Deletes rows in small parts, so no lock is held for long. */
async function deleteOlder(db: Database, table: string, column: string, oldestMs: number, signal: AbortSignal): Promise<void> {
  for (let deleted = DELETE_AT_ONCE; deleted === DELETE_AT_ONCE && !signal.aborted; ) {
    const [row] = await db.query<{ deleted: number }>(
      `with deleted as (
        delete from ${table} where ctid in (select ctid from ${table} where ${column} < to_timestamp($1) limit ${DELETE_AT_ONCE}) returning 1)
      select count(*) as deleted from deleted`,
      [oldestMs / 1_000],
    );
    deleted = row?.deleted ?? 0;
  }
}

/**
 * Deletes old rows of an inherited table in the order of their ids, which is about that of their age: it ends at the first part without an
 * old row. The newest row of each robot stays, and the newest one without a robot, because GET /health and /safety answer with it.
 * @param isStated whether RETENTION names the table. Otherwise the rows of earlier versions stay, which promised to keep them.
 */
async function deleteMonitors(db: Database, table: MonitorTable, oldestMs: number, isStated: boolean, signal: AbortSignal): Promise<void> {
  const [start] = await db.query<{ after: number; unnamed: number | null }>(
    `select case when $2 then 0 else coalesce((select last_id from promised_rows where target = $1), 0) end as after,
      ${newestUnnamed(table)} as unnamed`,
    [table, isStated],
  );
  for (let after: number | null = start?.after ?? 0; after !== null && !signal.aborted; ) {
    const [part]: { last: number | null }[] = await db.query<{ last: number | null }>(
      `with part as (
        select t.id, o.thing, t.created_at < to_timestamp($2) at time zone 'UTC' as is_old
        from (select id, created_at from ${table} where id > $1 order by id limit ${MONITORS_AT_ONCE}) t left join ${table}_of o on o.id = t.id
      ), deleted as (
        delete from ${table} where id in (
          select p.id from part p where p.is_old and p.id is distinct from $3 and (p.thing is null or exists (
            select from ${table}_of n join ${table} t on t.id = n.id where n.thing = p.thing and n.id > p.id))
        ) returning id
      ), unnamed as (
        delete from ${table}_of where id in (select id from deleted)
      )
      select case when bool_or(coalesce(is_old, true)) then max(id) end as last from part`,
      [after, oldestMs / 1_000, start?.unnamed ?? null],
    );
    after = part?.last ?? null;
  }
}

/** Null for the default partition. */
function monthOf(table: RowTable, partition: string): Month | null {
  const match = /^(\d+)_(\d\d)$/.exec(partition.slice(table.length + 1));
  return match ? monthAt(Number(match[1]), Number(match[2]) - 1) : null;
}
