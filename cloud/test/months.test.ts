// Partitions are made and removed beside readers and the ingest, and after a process that ended in between.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '../../src/base/index.ts';
import { eventually } from '../../test/support/until.ts';
import { type Database, refusesData } from '../src/database/index.ts';
import { makeMonth, partitionsOf, removeMonth } from '../src/maintenance/months.ts';
import { createMonths, monthsBetween } from '../src/maintenance/retention.ts';
import { onEachDatabase, onPostgres } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { poisonOf, seqsOf } from './support/ledger.ts';
import { newThing, telemetry } from './support/robot.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 24, 12);
const [MONTH] = monthsBetween(NOW_MS, NOW_MS);
const NEVER = new AbortController().signal;
/** The promise is 100 ms (docs/reference/limits.md). The bound of the test permits a machine that is ten times slower. */
const BLOCKED_MS = 1_000;
/** More than is read under a lock. */
const ROWS = 150_000;

function month(): NonNullable<typeof MONTH> {
  assert.ok(MONTH);
  return MONTH;
}

const fill = (db: Database, thing: string, count: number, atMs: number): Promise<unknown> =>
  db.query(
    `insert into readings (thing, outbox, seq, at, channel, raw)
    select $1, 'box', n, $3, 'temperature', repeat('x', 60) from generate_series(1, $2::int) as n`,
    [thing, count, atMs],
  );

/** Inserts without a pause. @returns how long the slowest INSERT took (ms), when it is ended. */
function inserting(db: Database, thing: string): () => Promise<number> {
  let isEnded = false;
  let slowestMs = 0;
  const run = async (): Promise<number> => {
    for (let seq = 1; !isEnded; seq++) {
      const startedMs = performance.now();
      const insert = (): Promise<unknown> =>
        db.query(`insert into readings (thing, outbox, seq, at) values ($1, 'box', $2, $3)`, [thing, seq, NOW_MS]);
      await insert().catch((error: unknown) => {
        if (codeOf(error) !== '23514' || refusesData(error)) throw error;
        return insert();
      });
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
    return slowestMs;
  };
  const running = run();
  return () => {
    isEnded = true;
    return running;
  };
}

onPostgres('months beside the ingest', (db, another) => {
  test('a long reader and a large default partition stop no insert, neither as a month is made nor as it is removed', async (t) => {
    const [old, stragglers] = [newThing(), newThing()];
    await fill(db(), old, ROWS, 5);
    await fill(db(), stragglers, 20_000, NOW_MS);
    const reading = async (work: (signal: AbortSignal) => Promise<unknown>): Promise<number> => {
      const end = inserting(another(), newThing());
      await another().transaction(async (reader) => {
        await reader.query('lock table readings in access share mode');
        await reader.query('select count(*) as n from readings');
        // The tries take about 10 s. The server would end an idle transaction after 5 s.
        const looking = setInterval(() => void reader.query('select 1').catch(() => {}), 500);
        await assert.rejects(work(NEVER), { code: '55P03' });
        clearInterval(looking);
      });
      await work(NEVER);
      return end();
    };
    const makingMs = await reading((signal) => makeMonth(db(), 'readings', month(), signal));
    const partition = `readings_${month().name}`;
    const [moved] = await db().query<{ n: number }>(`select count(*) as n from ${partition} where thing = $1`, [stragglers]);
    assert.equal(moved?.n, 20_000);
    const removingMs = await reading((signal) => removeMonth(db(), 'readings', partition, NOW_MS, signal));
    t.diagnostic(`the slowest insert took ${Math.round(makingMs)} ms as it was made, ${Math.round(removingMs)} ms as it was removed`);
    assert.ok(Math.max(makingMs, removingMs) < BLOCKED_MS, `${makingMs} ms, ${removingMs} ms`);
    assert.deepEqual(
      await seqsOf(db(), 'readings', stragglers),
      Array.from({ length: 20_000 }, (_, i) => i + 1),
    );
  });
});

onPostgres('a month that is attached while the ingest waits', (db, another) => {
  test('the rows that waited for the default partition are stored in the month, and are no poison', async () => {
    const thing = newThing();
    const cloud = new Instance(another());
    await createMonths(db(), 'readings', 0, NOW_MS);
    const { name, fromMs, toMs } = month();
    await db().script(`alter table readings detach partition readings_${name}`);
    const sent = await db().transaction(async (sql) => {
      await sql.script('lock table only readings_default in access exclusive mode');
      const sending = cloud.send(
        'elderly_bot/telemetry',
        telemetry({ thing }, [[1, NOW_MS, 'fall', true, { alert: 'raised', incident: 'i' }]]),
      );
      await eventually(
        () => sql.query('select from pg_locks where not granted'),
        ({ length }) => length > 0,
      );
      await sql.script(`alter table readings attach partition readings_${name} for values from (${fromMs}) to (${toMs})`);
      return { sending };
    });
    await sent.sending;
    await cloud.stop();
    assert.deepEqual(await poisonOf(db(), thing), []);
    assert.deepEqual(await db().query('select tableoid::regclass::text as name from readings where thing = $1', [thing]), [
      { name: `readings_${name}` },
    ]);
  });
});

onEachDatabase('months', (db) => {
  /** Ends at its nth statement that changes anything, as if its process were killed. */
  const endingAt = (nth: number): Database => {
    let left = nth;
    const ends = (): void => {
      if (--left < 0) throw new Error('killed');
    };
    return Object.assign(Object.create(db()) as Database, {
      script: async (text: string): Promise<void> => {
        ends();
        await db().script(text);
      },
      query: async (...args: Parameters<Database['query']>): Promise<unknown[]> => {
        if (/delete/.test(args[0])) ends();
        return db().query(...args);
      },
    });
  };
  const isMade = async (): Promise<boolean> =>
    (await partitionsOf(db(), 'readings')).some(({ name, state }) => name === `readings_${month().name}` && state === 'attached');

  test('a month is made, and removed, by the next run after a process that ended at any step, and no row is lost or doubled', async () => {
    const thing = newThing();
    const send = async (...seqs: number[]): Promise<void> => {
      const cloud = new Instance(db());
      const rows = seqs.map((seq) => [seq, NOW_MS + seq, 'temperature', 20]);
      await cloud.send('elderly_bot/backlog', telemetry({ thing, accepted: 999 }, rows, { kind: 'backlog' }));
      await cloud.stop();
    };
    let steps = 0;
    const seqs: number[] = [];
    for (let isDone = false; !isDone; steps++) {
      seqs.push(2 * steps + 1, 2 * steps + 2);
      await send(2 * steps + 1);
      isDone = await createMonths(endingAt(steps), 'readings', 0, NOW_MS).then(
        () => true,
        () => false,
      );
      await send(...seqs.slice(-3));
      if (isDone) {
        assert.deepEqual(await seqsOf(db(), 'readings', thing), seqs, 'no end stops the last run');
        break;
      }
      await createMonths(db(), 'readings', 0, NOW_MS);
      assert.ok(await isMade());
      assert.deepEqual(await seqsOf(db(), 'readings', thing), seqs, `after an end at step ${steps}`);
      for (let nth = 0; await isMade(); nth++) {
        await removeMonth(endingAt(nth), 'readings', `readings_${month().name}`, 0, NEVER).catch(() => {});
        await removeMonth(db(), 'readings', `readings_${month().name}`, 0, NEVER);
      }
      assert.deepEqual(await seqsOf(db(), 'readings', thing), seqs, 'rows that came late stay in the default partition');
    }
    assert.ok(steps >= 6, `only ${steps} steps`);
    const [left] = await db().query(`select
      (select count(*) from pg_trigger where tgrelid = 'readings_default'::regclass) as triggers,
      (select count(*) from pg_constraint where contype = 'c' and conrelid in ('readings_default'::regclass, 'readings_2026_11'::regclass)) as checks`);
    assert.deepEqual(left, { triggers: 0, checks: 0 });
  });

  test('a table of others with the name of a partition is left alone and named', async () => {
    await db().script('create table results_2026_11 (mine text)');
    await assert.rejects(
      createMonths(db(), 'results', 0, NOW_MS),
      /^Error: the table results_2026_11 exists, but is no partition of results; rename it/,
    );
    await db().script('drop table results_2026_11');
    assert.equal((await createMonths(db(), 'results', 0, NOW_MS - DAY_MS)).length, 3);
  });
});
