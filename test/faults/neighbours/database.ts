// Faults of the database and of its upkeep beside the healthy robot. Each repeats until its end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../../support/until.ts';
import type { Random } from '../random.ts';
import { type Ground, urlThrough } from './ground.ts';
import { LOCKED } from './hostile.ts';
import { pause, type Told } from './robots.ts';

export interface Trouble {
  readonly ground: Ground;
  readonly random: Random;
  readonly until: AbortSignal;
}

const LOCKED_MS = 32_000;
/** Between two faults, so that one of them is over before the next. */
const EVERY_MS = 25_000;
const AWAY_MS = [500, 3_000] as const;
const DAY_MS = 86_400_000;

/** Locks a row of the hostile robot in one table after the other. */
export async function lockRows({ ground, until }: Trouble): Promise<Told> {
  let locks = 0;
  await ground.ask(async (client) => {
    while (!until.aborted) {
      const table = (['robots', 'outboxes', 'alerts'] as const)[locks % 3];
      await client.query('begin');
      await client.query(`select from ${table} where thing = $1 for update`, [LOCKED]);
      locks++;
      await pause(LOCKED_MS, until);
      await client.query('rollback');
    }
  });
  return { locks };
}

/** Kills PostgreSQL and starts it again. */
export async function restart({ ground, random, until }: Trouble): Promise<Told> {
  let restarts = 0;
  for (; !until.aborted; restarts++) {
    await ground.postgres.kill();
    await pause(random.between(...AWAY_MS), until);
    await ground.postgres.restart();
    await pause(EVERY_MS, until);
  }
  return { restarts };
}

/** Lets the open connections to PostgreSQL lead nowhere. New ones work. */
export async function blackHole({ ground, until }: Trouble): Promise<Told> {
  let holes = 0;
  for (; !until.aborted; holes++) {
    ground.proxy.blackHole();
    await pause(EVERY_MS, until);
  }
  return { holes };
}

/** Makes the primary read-only, and promotes its standby when that has everything, as a managed database does. */
export async function failover({ ground, until }: Trouble): Promise<Told> {
  let failovers = 0;
  for (; !until.aborted; failovers++) {
    const former = ground.postgres;
    const standby = ground.keep(await former.standby());
    ground.proxy.target = standby.port;
    const end = await ground.ask(async (client) => {
      await client.query('alter system set default_transaction_read_only = on');
      await client.query('select pg_reload_conf()');
      // A transaction that was open ends within its own limits.
      const busy = `select count(*)::int as busy from pg_stat_activity where backend_xid is not null`;
      await eventually(
        async () => (await client.query<{ busy: number }>(busy)).rows[0]?.busy,
        (count) => count === 0,
        'the former primary writes nothing',
      );
      return (await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn')).rows[0]?.lsn;
    });
    ground.postgres = standby;
    await ground.ask(async (client) => {
      const reached = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as reached';
      await eventually(
        async () => (await client.query<{ reached: boolean }>(reached, [end])).rows[0]?.reached,
        (hasAll) => hasAll === true,
        'the standby has everything',
      );
      await client.query('select pg_promote()');
      await client.query('alter system set default_transaction_read_only = off');
      await client.query('select pg_reload_conf()');
    });
    await pause(EVERY_MS, until);
    await former.stop();
  }
  return { failovers };
}

/** Starts an instance that makes or drops months, while a pg_dump that is read slowly holds its locks. */
export async function retention({ ground, until }: Trouble): Promise<Told> {
  let [dumps, instances] = [0, 0];
  for (; !until.aborted; dumps++) {
    await ground.ask((client) => client.query(OLD_ROWS, [Date.now() - 150 * DAY_MS]));
    const dump = spawn(ground.postgres.program('pg_dump'), ['--dbname', ground.postgres.url], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(dump.stdout, 'readable');
    const dumped = once(dump, 'exit');
    // The first run makes older months and moves the rows there, the next one drops them.
    for (const days of [200, 90]) {
      const settings = { TOPIC_PATTERN: 'nobody', RETENTION: `readings=${days}d` };
      const other = await ground.bench.cloud({ url: urlThrough(ground.proxy) }, settings);
      instances++;
      await pause(UPKEEP_MS, until);
      await other.stop();
    }
    dump.stdout.resume();
    await dumped;
  }
  return { dumps, instances };
}

/** An instance has begun its upkeep within this time. */
const UPKEEP_MS = 8_000;
const OLD_ROWS = `insert into readings (thing, outbox, seq, at, channel, value)
  select 'old-robot', 'box-' || $1::bigint, n, $1::bigint + n, 'note', to_jsonb(repeat('x', 100)) from generate_series(1, 20000) as n`;
