// The months that rows are kept in: made ahead, so that a row finds its own, and dropped whole when all in them is too old.
// The default partition has what lies in no month; of it, single rows go by the time they were received.
import type { Database, Sql } from '../database/index.ts';
import type { RowTable } from '../messages/index.ts';

/** Months made ahead: a robot's clock may be ahead, and this program may not run for a while. */
const MONTHS_AHEAD = 2;
/** Rows of the default partition in one statement. */
const DELETE_AT_ONCE = 10_000;
/** Nobody waits longer than this for a partition to be hung in or taken out; it is tried again at the next turn. */
const LOCK_TIMEOUT = '5s';

export interface Month {
  /** `2026_11`. */
  readonly name: string;
  readonly fromMs: number;
  /** Excluded. */
  readonly toMs: number;
}

/** Every month from that of `fromMs` to that of `toMs`, in UTC. */
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

/** @param keptMs how far back rows are kept. @returns the partitions that were made. */
export async function makeMonths(db: Database, table: RowTable, keptMs: number, nowMs: number): Promise<string[]> {
  const there = new Set(await partitionsOf(db, table));
  const now = new Date(nowMs);
  const lastMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + MONTHS_AHEAD);
  const missing = monthsBetween(nowMs - keptMs, lastMs).filter(({ name }) => !there.has(`${table}_${name}`));
  for (const month of missing) await makeMonth(db, table, month);
  return missing.map(({ name }) => `${table}_${name}`);
}

/** Rows of that month that came before it was made move in from the default partition. */
async function makeMonth(db: Database, table: RowTable, { name, fromMs, toMs }: Month): Promise<void> {
  const partition = `${table}_${name}`;
  await changing(db, table, async (sql) => {
    if ((await partitionsOf(sql, table)).includes(partition)) return;
    await sql.script(`create table ${partition} (like ${table} including defaults including constraints)`);
    await sql.script(`with moved as (delete from ${table}_default where at >= ${fromMs} and at < ${toMs} returning *)
      insert into ${partition} select * from moved`);
    await sql.script(`alter table ${table} attach partition ${partition} for values from (${fromMs}) to (${toMs})`);
  });
}

/**
 * Drops the months that ended over `keptMs` ago, and deletes as much as is older from the default partition. What such a month
 * received later (from a robot whose clock is behind) moves to the default partition and is kept as long as anything else.
 * @returns the partitions that were dropped.
 */
export async function dropMonths(db: Database, table: RowTable, keptMs: number, nowMs: number): Promise<string[]> {
  const oldestMs = nowMs - keptMs;
  const old = (await partitionsOf(db, table)).filter((partition) => endOf(table, partition) <= oldestMs);
  for (const partition of old) {
    await changing(db, table, async (sql) => {
      if (!(await partitionsOf(sql, table)).includes(partition)) return;
      await sql.script(`alter table ${table} detach partition ${partition}`);
      await sql.query(`insert into ${table} select * from ${partition} where received_at >= to_timestamp($1)`, [oldestMs / 1_000]);
      await sql.script(`drop table ${partition}`);
    });
  }
  await deleteOlder(db, `${table}_default`, 'received_at', oldestMs);
  return old;
}

/** Deletes what is older, a part at a time, so that no lock is held for long. @returns how many rows went. */
export async function deleteOlder(db: Database, table: string, column: string, oldestMs: number): Promise<number> {
  for (let total = 0; ; ) {
    const gone = await db.query<{ gone: number }>(
      `with gone as (
        delete from ${table} where ctid in (select ctid from ${table} where ${column} < to_timestamp($1) limit ${DELETE_AT_ONCE}) returning 1)
      select count(*) as gone from gone`,
      [oldestMs / 1_000],
    );
    const count = gone[0]?.gone ?? 0;
    total += count;
    if (count < DELETE_AT_ONCE) return total;
  }
}

/** One instance at a time: the lock of the parent table, without which two could make or drop the same. */
async function changing(db: Database, table: RowTable, work: (sql: Sql) => Promise<void>): Promise<void> {
  await db.transaction(async (sql) => {
    await sql.script(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    await sql.query('select pg_advisory_xact_lock(hashtext($1))', [`months of ${table}`]);
    await work(sql);
  });
}

async function partitionsOf(sql: Sql, table: RowTable): Promise<string[]> {
  const rows = await sql.query<{ name: string }>(
    `select c.relname::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass`,
    [table],
  );
  return rows.map(({ name }) => name);
}

/** When the month of a partition ends; never for the default one. */
function endOf(table: RowTable, partition: string): number {
  const match = /^(\d+)_(\d\d)$/.exec(partition.slice(table.length + 1));
  return match ? Date.UTC(Number(match[1]), Number(match[2])) : Number.POSITIVE_INFINITY;
}
