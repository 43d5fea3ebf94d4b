// Creates and drops the monthly partitions, and deletes old rows. Each table has its own retention. Outboxes and alerts are kept for ever:
// receipts and the accounting need the outboxes. So are the inherited tables (docs/reference/protocol.md), unless a retention is set.
import type { Database, Sql } from '../database/index.ts';
import { ROW_TABLES, type RowTable } from '../messages/index.ts';
import { MONITOR_TABLES } from '../robots/index.ts';
import type { Retention } from '../settings/index.ts';

const DAY_MS = 86_400_000;
/** Months created ahead, because a robot's clock may be ahead and this program may not run for a while. */
const MONTHS_AHEAD = 2;
/** Rows per DELETE. */
const DELETE_AT_ONCE = 10_000;
/** Limits the wait for the lock of a table. A change that timed out is repeated an hour later. */
const LOCK_MS = 5_000;

/** Tables without partitions, each with the column that states the age of a row. */
const BY_COLUMN = {
  system_health: 'created_at',
  safety_monitor: 'created_at',
  poison_messages: 'received_at',
  commands: 'given_at',
} as const;

interface Month {
  /** For example `2026_11`. */
  readonly name: string;
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/** Creates the partitions for new rows and deletes old rows. May run in several instances at once. @returns the changed partitions. */
export async function applyRetention(
  db: Database,
  retention: Retention,
  nowMs: number,
): Promise<{ readonly created: readonly string[]; readonly dropped: readonly string[] }> {
  const created: string[] = [];
  const dropped: string[] = [];
  for (const table of ROW_TABLES) {
    const days = retention[table];
    created.push(...(await createMonths(db, table, (days ?? 0) * DAY_MS, nowMs)));
    if (days !== null) dropped.push(...(await dropMonths(db, table, nowMs - days * DAY_MS)));
  }
  for (const [table, column] of Object.entries(BY_COLUMN)) {
    const days = retention[table as keyof typeof BY_COLUMN];
    if (days !== null) await deleteOlder(db, table, column, nowMs - days * DAY_MS);
  }
  if (retention.poison_messages !== null) await deleteOlder(db, 'poison_counts', 'hour', nowMs - retention.poison_messages * DAY_MS);
  for (const table of MONITOR_TABLES) await db.query(`delete from ${table}_of where id < (select min(id) from ${table})`);
  return { created, dropped };
}

/** Returns the months in UTC from the month of `fromMs` to the month of `toMs`. */
export function monthsBetween(fromMs: number, toMs: number): Month[] {
  const months: Month[] = [];
  const start = new Date(fromMs);
  for (let n = start.getUTCMonth(); Date.UTC(start.getUTCFullYear(), n) <= toMs; n++) {
    const first = Date.UTC(start.getUTCFullYear(), n);
    const name = new Date(first).toISOString().slice(0, 7).replace('-', '_');
    months.push({ name, fromMs: first, toMs: Date.UTC(start.getUTCFullYear(), n + 1) });
  }
  return months;
}

/** @param keptMs the retention of the table. @returns the partitions that were created. */
export async function createMonths(db: Database, table: RowTable, keptMs: number, nowMs: number): Promise<string[]> {
  const existing = new Set(await partitionsOf(db, table));
  const now = new Date(nowMs);
  const lastMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + MONTHS_AHEAD);
  const missing = monthsBetween(nowMs - keptMs, lastMs).filter(({ name }) => !existing.has(`${table}_${name}`));
  for (const month of missing) await createMonth(db, table, month);
  return missing.map(({ name }) => `${table}_${name}`);
}

/** Moves earlier rows of that month from the default partition to the new partition. */
async function createMonth(db: Database, table: RowTable, { name, fromMs, toMs }: Month): Promise<void> {
  const partition = `${table}_${name}`;
  await changePartitions(db, table, async (sql, partitions) => {
    if (partitions.includes(partition)) return;
    await sql.script(`create table ${partition} (like ${table} including defaults including constraints)`);
    await sql.script(`with moved as (delete from ${table}_default where at >= ${fromMs} and at < ${toMs} returning *)
      insert into ${partition} select * from moved`);
    await sql.script(`alter table ${table} attach partition ${partition} for values from (${fromMs}) to (${toMs})`);
  });
}

/**
 * Drops the months that ended before `oldestMs`, and deletes older rows of the default partition. A row that such a month received later
 * (from a robot whose clock is behind) moves to the default partition first, and is kept by the time it was received.
 * @returns the partitions that were dropped.
 */
async function dropMonths(db: Database, table: RowTable, oldestMs: number): Promise<string[]> {
  const old = (await partitionsOf(db, table)).filter((partition) => endOf(table, partition) <= oldestMs);
  for (const partition of old) {
    await changePartitions(db, table, async (sql, partitions) => {
      if (!partitions.includes(partition)) return;
      await sql.script(`alter table ${table} detach partition ${partition}`);
      await sql.query(`insert into ${table} select * from ${partition} where received_at >= to_timestamp($1)`, [oldestMs / 1_000]);
      await sql.script(`drop table ${partition}`);
    });
  }
  await deleteOlder(db, `${table}_default`, 'received_at', oldestMs);
  return old;
}

/** Deletes rows in small parts, so no lock is held for long. */
async function deleteOlder(db: Database, table: string, column: string, oldestMs: number): Promise<void> {
  for (let deleted = DELETE_AT_ONCE; deleted === DELETE_AT_ONCE; ) {
    const [row] = await db.query<{ deleted: number }>(
      `with deleted as (
        delete from ${table} where ctid in (select ctid from ${table} where ${column} < to_timestamp($1) limit ${DELETE_AT_ONCE}) returning 1)
      select count(*) as deleted from deleted`,
      [oldestMs / 1_000],
    );
    deleted = row?.deleted ?? 0;
  }
}

/** Takes a lock per table, so that two instances don't create or drop the same partition. */
async function changePartitions(
  db: Database,
  table: RowTable,
  work: (sql: Sql, partitions: readonly string[]) => Promise<void>,
): Promise<void> {
  await db.transaction(
    async (sql) => {
      await sql.query('select pg_advisory_xact_lock(hashtext($1))', [`months of ${table}`]);
      await work(sql, await partitionsOf(sql, table));
    },
    { lockMs: LOCK_MS },
  );
}

async function partitionsOf(sql: Sql, table: RowTable): Promise<string[]> {
  const rows = await sql.query<{ name: string }>(
    `select c.relname::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass`,
    [table],
  );
  return rows.map(({ name }) => name);
}

/** The end of a partition's month; infinity for the default partition. */
function endOf(table: RowTable, partition: string): number {
  const match = /^(\d+)_(\d\d)$/.exec(partition.slice(table.length + 1));
  return match ? Date.UTC(Number(match[1]), Number(match[2])) : Number.POSITIVE_INFINITY;
}
