import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Database } from '../src/database/database.ts';
import { partitionsOf } from '../src/maintenance/months.ts';
import { applyRetention, createMonths, monthsBetween } from '../src/maintenance/retention.ts';
import type { RowTable } from '../src/messages/index.ts';
import { DEFAULT_RETENTION, type Retention, retentionFrom } from '../src/settings/values.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { accountOf, seqsOf } from './support/ledger.ts';
import { newThing, telemetry } from './support/robot.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 24, 12);
const RETENTION: Retention = { ...DEFAULT_RETENTION, readings: 90 };

test('months begin and end in UTC, also at the end of a year', () => {
  const months = monthsBetween(Date.UTC(2026, 11, 31, 23, 59), Date.UTC(2027, 1, 1));
  assert.deepEqual(
    months.map(({ name, fromMs, toMs }) => [name, new Date(fromMs).toISOString(), new Date(toMs).toISOString()]),
    [
      ['2026_12', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
      ['2027_01', '2027-01-01T00:00:00.000Z', '2027-02-01T00:00:00.000Z'],
      ['2027_02', '2027-02-01T00:00:00.000Z', '2027-03-01T00:00:00.000Z'],
    ],
  );
});

test('retention is a number of days or forever per table, and other values are refused', () => {
  assert.deepEqual(retentionFrom(''), DEFAULT_RETENTION);
  assert.deepEqual(retentionFrom('readings=7d, events=forever'), {
    ...DEFAULT_RETENTION,
    readings: 7,
    events: null,
    named: ['readings', 'events'],
  });
  assert.match(String(retentionFrom('outboxes=7d')), /^outboxes: expected TABLE=days, such as readings=90d; tables: readings, results/);
  for (const wrong of ['readings=0d', 'readings=7', 'readings', 'readings=-1d', 'readings=99999d']) {
    assert.match(String(retentionFrom(wrong)), /expected days, such as readings=90d/, wrong);
  }
});

onEachDatabase('retention', (db, another) => {
  const send = async (thing: string, rows: readonly (readonly [seq: number, at: number])[]): Promise<void> => {
    const cloud = new Instance(db());
    await cloud.send(
      'elderly_bot/backlog',
      telemetry(
        { thing, accepted: 99 },
        rows.map(([seq, at]) => [seq, at, 'temperature', 20]),
        { kind: 'backlog' },
      ),
    );
    await cloud.stop();
  };
  const partitionOf = (seq: number, thing: string): Promise<string> => where(db(), thing, seq);
  const received = (thing: string, atMs: number): Promise<unknown> =>
    db().query('update readings set received_at = to_timestamp($2) where thing = $1', [thing, atMs / 1_000]);

  test('months are created ahead, once, and earlier rows move into their month', async () => {
    const thing = newThing();
    await send(thing, [
      [1, NOW_MS],
      [2, NOW_MS - 40 * DAY_MS],
      [3, 0],
      [4, NOW_MS + 400 * DAY_MS],
    ]);
    assert.equal(await partitionOf(1, thing), 'readings_default');
    const created = await Promise.all([db(), another()].map((instance) => createMonths(instance, 'readings', 90 * DAY_MS, NOW_MS)));
    const months = ['2026_08', '2026_09', '2026_10', '2026_11', '2026_12', '2027_01'].map((name) => `readings_${name}`);
    assert.deepEqual([...new Set(created.flat())].sort(), months);
    assert.deepEqual(await createMonths(db(), 'readings', 90 * DAY_MS, NOW_MS), []);
    const places = await Promise.all([1, 2, 3, 4].map((seq) => partitionOf(seq, thing)));
    assert.deepEqual(places, ['readings_2026_11', 'readings_2026_10', 'readings_default', 'readings_default']);
    await send(thing, [
      [1, NOW_MS],
      [5, NOW_MS + DAY_MS],
    ]);
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [1, 2, 3, 4, 5]);
    assert.equal(await partitionOf(5, thing), 'readings_2026_11');
  });

  test('an old month is dropped as a whole, and the coverage and newer rows are kept', async () => {
    const thing = newThing();
    await applyRetention(db(), RETENTION, NOW_MS);
    await send(thing, [
      [1, NOW_MS - 80 * DAY_MS],
      [2, NOW_MS],
    ]);
    await received(thing, NOW_MS - 80 * DAY_MS);
    const laterMs = NOW_MS + 30 * DAY_MS;
    const { created, dropped } = await applyRetention(db(), RETENTION, laterMs);
    assert.deepEqual([created.includes('readings_2027_02'), dropped.includes('readings_2026_08')], [true, true]);
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [1, 2]);
    const { dropped: next } = await applyRetention(db(), RETENTION, NOW_MS + 55 * DAY_MS);
    assert.ok(next.includes('readings_2026_09'));
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [2]);
    assert.equal((await accountOf(db(), thing))?.committed, 2);
  });

  test('rows of a robot with a wrong clock are kept by the time they were received', async () => {
    const thing = newThing();
    const nowMs = NOW_MS + 200 * DAY_MS;
    await applyRetention(db(), RETENTION, nowMs);
    await send(thing, [
      [1, nowMs - 89 * DAY_MS],
      [2, 5],
      [3, nowMs + 4_000 * DAY_MS],
    ]);
    await received(thing, nowMs + 40 * DAY_MS);
    await applyRetention(db(), RETENTION, nowMs + 125 * DAY_MS);
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [1, 2, 3]);
    assert.equal(await partitionOf(1, thing), 'readings_default');
    await applyRetention(db(), RETENTION, nowMs + 131 * DAY_MS);
    assert.deepEqual(await seqsOf(db(), 'readings', thing), []);
  });

  test('a part that fails stops no other part, and all errors are named together', async () => {
    const thing = newThing();
    const nowMs = NOW_MS + 3_000 * DAY_MS;
    const oldMs = nowMs - 200 * DAY_MS;
    const [[month], [old]] = [monthsBetween(nowMs, nowMs), monthsBetween(oldMs, oldMs)];
    const has = async (table: RowTable, name = ''): Promise<boolean> =>
      (await partitionsOf(db(), table)).some((partition) => partition.name === `${table}_${name}`);
    await applyRetention(db(), RETENTION, oldMs);
    assert.ok(await has('readings', old?.name));
    await send(thing, [[1, 5]]);
    await received(thing, oldMs);
    await db().query('insert into poison_counts (source, hour, count) values ($1, to_timestamp($2), 1)', [thing, NOW_MS / 1_000]);
    const foreign = [`readings_${month?.name}`, `events_${month?.name}`];
    for (const name of foreign) await db().script(`create table ${name} (mine text)`);
    const named = new RegExp(foreign.map((name) => `the table ${name} exists, .*`).join('; '));
    await assert.rejects(applyRetention(db(), RETENTION, nowMs), named);
    assert.ok(await has('results', month?.name), 'the months of the other tables are made');
    assert.ok(!(await has('readings', old?.name)), 'old months are dropped');
    assert.deepEqual(await seqsOf(db(), 'readings', thing), []);
    assert.deepEqual(await db().query('select hour from poison_counts where source = $1', [thing]), []);
    for (const name of foreign) await db().script(`drop table ${name}`);
  });

  test('the inherited tables keep 90 days, the newest row of each robot, and what earlier versions promised to keep', async () => {
    const ages = async (): Promise<unknown> =>
      (await db().query<{ power: number }>('select power from system_health order by id')).map(({ power }) => power);
    const add = async (power: number, days: number, thing?: string): Promise<void> => {
      const created = new Date(NOW_MS - days * DAY_MS).toISOString();
      await db().query(
        `with added as (insert into system_health (power, temperature, created_at) values ($1, 1, $2::timestamptz at time zone 'UTC') returning id)
        insert into system_health_of select id, $3 from added where $3::text is not null`,
        [power, created, thing ?? null],
      );
    };
    await db().script('truncate system_health, system_health_of');
    await add(1, 400, 'silent');
    await add(2, 399);
    await db().query(`insert into promised_rows select 'system_health', max(id) from system_health
      on conflict (target) do update set last_id = excluded.last_id`);
    await add(3, 100, 'silent');
    await add(4, 98);
    await add(5, 97, 'heard');
    await add(6, 96);
    await add(7, 95, 'silent');
    await add(8, 89, 'heard');
    await applyRetention(db(), RETENTION, NOW_MS);
    assert.deepEqual(await ages(), [1, 2, 6, 7, 8]);
    await applyRetention(db(), { ...RETENTION, named: ['system_health'] }, NOW_MS);
    assert.deepEqual(await ages(), [6, 7, 8], 'RETENTION names the table, so that no promise holds');
    assert.deepEqual(await db().query('select thing from system_health_of order by id'), [{ thing: 'silent' }, { thing: 'heard' }]);
    await applyRetention(db(), { ...RETENTION, system_health: null }, NOW_MS + 400 * DAY_MS);
    assert.deepEqual(await ages(), [6, 7, 8], 'forever');
  });
});

async function where(db: Database, thing: string, seq: number): Promise<string> {
  const [row] = await db.query<{ name: string }>('select tableoid::regclass::text as name from readings where thing = $1 and seq = $2', [
    thing,
    seq,
  ]);
  return row?.name ?? '';
}
