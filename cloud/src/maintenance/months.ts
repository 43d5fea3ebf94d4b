// Makes and removes the monthly partitions in steps, so that no lock stops the ingest for longer than 100 ms (ADR 0043). A process that ends
// between two steps leaves a marked table, and the next run continues there. Several instances may work at once.
import { type BackoffLimits, backoffMs, codeOf, wait } from '../../../src/base/index.ts';
import { type Database, type Sql, tookTooLong } from '../database/index.ts';
import type { RowTable } from '../messages/index.ts';

export interface Month {
  /** For example `2026_11`. */
  readonly name: string;
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/** How long a step waits for its locks, and how long it may take with them (ms). All rows of the table wait meanwhile. */
const WAIT_MS = 50;
const HOLD_MS = 80;
/** A long reader such as pg_dump holds the locks. After these tries, which take about 10 s, the next run tries again. */
const TRIES = 8;
const RETRY: BackoffLimits = { minMs: 200, maxMs: 4_000 };
/** Limits a step that delays no row (ms). */
const QUIET_MS = 25_000;
/** Attaching reads the whole default partition under its lock. A larger one is read before. 16 MiB are read in 5 to 15 ms. */
const READ_UNDER_LOCK_BYTES = 16 * 1024 * 1024;
/** A month beside a default partition that is larger is not made, because no step could read it in time. Its rows stay in the default partition. */
const MOST_BYTES = 1024 ** 3;
/** 2 MiB, about 10,000 rows. */
const PAGES_AT_ONCE = 256;
const PAGE_BYTES = 8192;

/** The comment on a table outside the partitions tells these tables from those of others. */
const MARKS = { making: 'elderly-bot-cloud is making this partition', removing: 'elderly-bot-cloud is removing this partition' } as const;

/** Moves earlier rows of that month from the default partition to the new partition. */
export async function makeMonth(db: Database, table: RowTable, { name, fromMs, toMs }: Month, signal: AbortSignal): Promise<void> {
  const partition = `${table}_${name}`;
  const rest = `${table}_default`;
  const around = `${partition}_elsewhere`;
  const inMonth = `at >= ${fromMs} and at < ${toMs}`;
  const making = (script: string, holdMs = HOLD_MS): Promise<void> =>
    step(db, table, `${markOf(partition)} = '${MARKS.making}'`, script, signal, holdMs);
  const attach = (): Promise<void> =>
    making(`
      alter table ${table} attach partition ${partition} for values from (${fromMs}) to (${toMs});
      comment on table ${partition} is null;
      alter table ${partition} drop constraint if exists ${partition}_month;
      drop trigger if exists ${around} on ${rest};
      alter table ${rest} drop constraint if exists ${around};`);
  /** Empties the month of the default partition. New rows of the month go to the new partition, and become visible as it is attached. */
  const makeRoom = async (): Promise<void> => {
    await making(`create or replace trigger ${around} before insert on ${rest} for each row
      when (new.at >= ${fromMs} and new.at < ${toMs}) execute function divert_row('${partition}');`);
    while (!signal.aborted && (await isAny(db, rest, inMonth))) await moveRows(db, rest, inMonth, partition, signal);
    await making(`alter table ${rest} drop constraint if exists ${around};
      alter table ${rest} add constraint ${around} check (not (${inMonth})) not valid;`);
    await making(`alter table ${rest} validate constraint ${around};`, QUIET_MS);
  };

  // The check spares ATTACH a scan of the new partition under the lock of the default partition.
  await step(
    db,
    table,
    `to_regclass('${partition}') is null`,
    `create table ${partition} (like ${table} including all, constraint ${partition}_month check (${inMonth}));
    comment on table ${partition} is '${MARKS.making}';`,
    signal,
    QUIET_MS,
  );
  await refuseForeign(db, table, partition);
  const bytes = await bytesOf(db, rest);
  if (bytes > MOST_BYTES) {
    throw new Error(
      `${rest} has ${bytes} bytes, too many to make ${partition} beside it; find the robots whose clock is wrong, delete their rows there, and run VACUUM FULL ${rest}`,
    );
  }
  if (bytes > READ_UNDER_LOCK_BYTES) await makeRoom();
  await attach().catch(async (error: unknown) => {
    if (codeOf(error) !== '23514') throw error;
    await makeRoom();
    await attach();
  });
}

/**
 * Detaches a partition and drops it. Rows that it received after `oldestMs`, from a robot whose clock is behind, move to the default
 * partition.
 */
export async function removeMonth(db: Database, table: RowTable, partition: string, oldestMs: number, signal: AbortSignal): Promise<void> {
  await step(
    db,
    table,
    `(select relispartition from pg_class where oid = to_regclass('${partition}'))`,
    `alter table ${table} detach partition ${partition};
    comment on table ${partition} is '${MARKS.removing}';`,
    signal,
  );
  const late = `received_at >= to_timestamp(${oldestMs / 1_000})`;
  await moveRows(db, partition, late, table, signal);
  await step(db, table, `${markOf(partition)} = '${MARKS.removing}'`, `drop table ${partition};`, signal, QUIET_MS);
}

export interface Partition {
  readonly name: string;
  readonly state: 'attached' | keyof typeof MARKS;
}

/** The partitions, and the tables of steps that did not end. */
export function partitionsOf(sql: Sql, table: RowTable): Promise<Partition[]> {
  return sql.query<Partition>(
    `select c.relname::text as name, case when i.inhrelid is not null then 'attached'
        when obj_description(c.oid, 'pg_class') = $2 then 'making' else 'removing' end as state
    from pg_class c join pg_class t on t.oid = $1::text::regclass and t.relnamespace = c.relnamespace
      left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = t.oid
    where c.relkind = 'r' and c.relname like $1 || '\\_%' and (i.inhrelid is not null or obj_description(c.oid, 'pg_class') in ($2, $3))`,
    [table, MARKS.making, MARKS.removing],
  );
}

/**
 * Runs a script as one statement if the condition holds, so that its locks never wait for this process. Advisory locks keep two instances
 * from the same step.
 */
async function step(
  db: Database,
  table: RowTable,
  condition: string,
  script: string,
  signal: AbortSignal,
  holdMs = HOLD_MS,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      await db.script(`set local lock_timeout = ${WAIT_MS}; set local statement_timeout = ${holdMs};
        do $$ begin
          perform pg_advisory_xact_lock(hashtext('months of ${table}'));
          if ${condition} then ${script} end if;
        end $$`);
      return;
    } catch (error) {
      if (!tookTooLong(error) || ++failures === TRIES) throw error;
      await wait(backoffMs(failures, RETRY, Math.random()), signal);
    }
  }
}

/** Moves rows by their place in the file, so that each statement reads few pages and the file is read once. */
async function moveRows(db: Database, from: string, condition: string, to: string, signal: AbortSignal): Promise<void> {
  const pages = (await bytesOf(db, from)) / PAGE_BYTES;
  for (let page = 0; page < pages && !signal.aborted; page += PAGES_AT_ONCE) {
    await db.query(`with moved as (
        delete from ${from} where ctid >= '(${page},0)' and ctid < '(${page + PAGES_AT_ONCE},0)' and ${condition} returning *)
      insert into ${to} select * from moved on conflict do nothing`);
  }
}

async function bytesOf(db: Database, table: string): Promise<number> {
  const [row] = await db.query<{ bytes: number }>('select pg_relation_size($1::text::regclass) as bytes', [table]);
  return row?.bytes ?? 0;
}

async function isAny(db: Database, table: string, condition: string): Promise<boolean> {
  const rows = await db.query(`select from ${table} where ${condition} limit 1`);
  return rows.length > 0;
}

/** A table of this name without a mark is not of the cloud. @throws Error that names it. */
async function refuseForeign(db: Database, table: RowTable, partition: string): Promise<void> {
  const [row] = await db.query(
    `select from pg_class where oid = to_regclass('${partition}') and not relispartition and ${markOf(partition)} is null`,
  );
  if (row)
    throw new Error(`the table ${partition} exists, but is no partition of ${table}; rename it, so that the cloud can make the partition`);
}

function markOf(partition: string): string {
  return `obj_description(to_regclass('${partition}'), 'pg_class')`;
}
