// Writes the rows of the two inherited tables, after the messages are committed. Other programs may lock, exhaust or constrain these tables,
// so that a failure here must not delay, refuse or roll back a message. The rows wait in `monitor_due`. One statement moves them, so that a
// move may be repeated after any failure.
import type { Logger } from 'pino';
import { type BackoffLimits, backoffMs, codeOf, messageOf, wait } from '../../../src/base/index.ts';
import { columnsOf, type Database, refusesData, type Sql, storableJson } from '../database/index.ts';
import { MONITOR_COLUMNS, type MonitorTable } from './monitors.ts';

export interface MonitorRow {
  readonly thing: string;
  readonly target: MonitorTable;
  readonly content: object;
}

/** Rows of one statement. */
const ROWS_AT_ONCE = 500;
/** The pause after each move, and the pause without a message, for rows of an instance that was killed (ms). */
const PAUSE_MS = 100;
const EVERY_MS = 5_000;
const RETRY: BackoffLimits = { minMs: 500, maxMs: 60_000 };
/** Limits the wait for a table that another program holds, so that moves do not occupy connections. */
const LOCK_MS = 2_000;
/** Arbitrary numbers. One instance at a time moves rows to a table, because the latest row has to have the highest id. */
const LOCK_KEYS: Readonly<Record<MonitorTable, number>> = { system_health: 7_130_423, safety_monitor: 7_130_424 };

/** Must be called in the transaction that stores the messages. */
export async function queueRows(sql: Sql, rows: readonly MonitorRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql.query(
    `insert into monitor_due (thing, target, content)
    select thing, target, content::jsonb from unnest($1::text[], $2::text[], $3::text[]) as n(thing, target, content)`,
    columnsOf(rows.map(({ thing, target, content }) => [thing, target, storableJson(content)])),
  );
}

/** The inserted ids ascend in the order of `due`. */
const move = (table: MonitorTable): string => `
with due as (
  delete from monitor_due where id in (select id from monitor_due where target = '${table}' order by id limit $1)
  returning id, thing, content, queued_at
), added as (
  insert into ${table} (${MONITOR_COLUMNS[table]}, created_at)
  select ${MONITOR_COLUMNS[table]}, queued_at at time zone 'UTC' from (
    select d.id as nth, d.queued_at, p.* from due d cross join lateral jsonb_populate_record(null::${table}, d.content) as p
  ) as n order by nth returning id
), named as (
  insert into ${table}_of (id, thing)
  select a.id, d.thing from (select id, row_number() over (order by id) as n from added) as a
  join (select thing, row_number() over (order by id) as n from due) as d using (n)
  on conflict (id) do update set thing = excluded.thing
)
select count(*) as moved from due`;

export interface MonitorRowsOptions {
  readonly db: Database;
  readonly log: Logger;
}

export class MonitorRows {
  readonly #options: MonitorRowsOptions;
  readonly #stop = new AbortController();
  #wake: () => void = () => {};
  #isDue = true;
  #running: Promise<void> = Promise.resolve();

  constructor(options: MonitorRowsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Rows may be due. */
  committed(): void {
    this.#isDue = true;
    this.#wake();
  }

  /** Rows that are left wait for the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  /** Moves all rows that are due, unless another instance is moving rows. A table that takes none does not keep the other from its rows. */
  async move(): Promise<void> {
    const due = await this.#options.db.query<{ target: MonitorTable }>('select distinct target from monitor_due');
    const moves = await Promise.allSettled(
      due.map(async ({ target }) => {
        while ((await this.#moveFrom(target, ROWS_AT_ONCE)) === ROWS_AT_ONCE);
      }),
    );
    for (const moved of moves) if (moved.status === 'rejected') throw moved.reason;
  }

  /** Drops rows that could not be moved for a day, so that they do not fill the disk. The inherited tables only show the latest row. */
  async forget(): Promise<void> {
    await this.#options.db.query(`delete from monitor_due where queued_at < clock_timestamp() - interval '1 day'`);
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      this.#isDue = false;
      try {
        await this.move();
        if (failures > 0) log.info({ event: 'monitors_recovered', tries: failures }, 'system_health and safety_monitor get rows again');
        failures = 0;
      } catch (error) {
        if (failures === 0) {
          const reason = messageOf(error);
          log.warn(
            { event: 'monitors_failed', reason },
            'system_health or safety_monitor takes no rows; alerts are stored, and the cloud will try again',
          );
        }
        failures++;
        await wait(backoffMs(failures, RETRY, Math.random()), signal);
        continue;
      }
      await wait(PAUSE_MS, signal);
      if (this.#isDue) continue;
      const pause = new AbortController();
      this.#wake = () => pause.abort();
      await wait(EVERY_MS, AbortSignal.any([signal, pause.signal]));
    }
  }

  /** Drops a single row that a table refuses, for example because another program added a check. @returns how many rows it took. */
  async #moveFrom(table: MonitorTable, limit: number): Promise<number> {
    const { db, log } = this.#options;
    try {
      return await db.transaction(
        async (sql) => {
          const [lock] = await sql.query<{ got: boolean }>('select pg_try_advisory_xact_lock($1) as got', [LOCK_KEYS[table]]);
          const [row] = lock?.got ? await sql.query<{ moved: number }>(move(table), [limit]) : [];
          return row?.moved ?? 0;
        },
        { lockMs: LOCK_MS },
      );
    } catch (error) {
      // 22003 names no value of a row, which are all in range, but the ids of a table with a sequence that is longer than its column.
      if (!refusesData(error) || codeOf(error) === '22003') throw error;
      if (limit > 1) {
        for (let taken = 0; taken < limit; taken++) if ((await this.#moveFrom(table, 1)) === 0) return taken;
        return limit;
      }
      log.warn({ event: 'monitor_row_refused', table, reason: messageOf(error) }, 'the table refuses this row, which is dropped');
      await db.query('delete from monitor_due where id = (select min(id) from monitor_due where target = $1)', [table]);
      return 1;
    }
  }
}
