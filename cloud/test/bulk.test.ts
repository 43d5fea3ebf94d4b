import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BULK_ROWS } from '../src/ingest/insert.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { accountOf, poisonOf, seqsOf } from './support/ledger.ts';
import { event, newThing, readings, telemetry } from './support/robot.ts';

const BACKLOG = 'elderly_bot/backlog';
const MANY = BULK_ROWS * 3;
const ODD = ['tab\there', 'line\nbreak\r', '\\N', '\\', '"quoted" {a,b}', 'Müller 💊 ‮', '\u0001\u007f', '', 'NULL', '\\.', '\ud800half'];

onEachDatabase('many rows at once', (db, another) => {
  const send = (cloud: Instance, thing: string, rows: readonly unknown[]): Promise<void> =>
    cloud.send(BACKLOG, telemetry({ thing, accepted: MANY }, rows, { kind: 'backlog' }));

  test('repeated rows are stored once, even among new rows or twice in one message', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await send(cloud, thing, readings([1, MANY - 100]));
    await send(cloud, thing, readings([1, MANY - 100]));
    await send(cloud, thing, [...readings([50, MANY]), ...readings([MANY - 200, MANY])]);
    await cloud.stop();
    assert.deepEqual(
      await seqsOf(db(), 'readings', thing),
      Array.from({ length: MANY }, (_, i) => i + 1),
    );
    assert.deepEqual(await accountOf(db(), thing), { outbox: 'box-1', accepted: MANY, committed: MANY, evicted: 0, outstanding: 0 });
  });

  test('values with special characters of the COPY format are stored unchanged', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const odd = ODD.map((text, i) => [i + 1, i, 'mood', text, { incident: text, bad: 'range', stamp: 1.5, clock: 'untrusted' }]);
    await send(cloud, thing, [...odd, ...readings([100, 100 + BULK_ROWS])]);
    await cloud.stop();
    const rows = await db().query<{ value: unknown }>(
      'select at, channel, value, incident, bad, stamp, clock, alert from readings where thing = $1 and seq < 100 order by seq',
      [thing],
    );
    const kept = ODD.map((text) => text.replace('\ud800', '\uFFFD'));
    assert.deepEqual(
      rows,
      kept.map((text, at) => ({
        at,
        channel: 'mood',
        value: text,
        // An empty incident is no name.
        incident: text || null,
        bad: 'range',
        stamp: 1.5,
        clock: 'untrusted',
        alert: null,
      })),
    );
  });

  test('a repeated row with another time is the same row, even in another month', async () => {
    const first = Date.UTC(2026, 9, 31, 23, 59);
    const second = Date.UTC(2026, 10, 1);
    for (const count of [3, BULK_ROWS + 1]) {
      const thing = newThing();
      const cloud = new Instance(db());
      const rows = (at: number): unknown[] => Array.from({ length: count }, (_, i) => [i + 1, at, 'temperature', 20]);
      await send(cloud, thing, rows(first));
      await send(cloud, thing, rows(second));
      await send(cloud, thing, [...rows(second).slice(0, 2), [count + 1, first, 'gas', true], [count + 1, second, 'gas', true]]);
      for (const at of [first, second]) {
        await cloud.send('elderly_bot/events', { ...event({ thing }, count + 2, { kind: 'new_kind' }), at });
        await cloud.send('elderly_bot/results', { ...event({ thing }, count + 3, { kind: 'result', id: 'c', status: 'done' }), at });
      }
      await cloud.stop();
      assert.deepEqual(
        await seqsOf(db(), 'readings', thing),
        Array.from({ length: count + 1 }, (_, i) => i + 1),
      );
      for (const table of ['events', 'results'] as const) {
        assert.deepEqual(await db().query(`select at from ${table} where thing = $1`, [thing]), [{ at: first }], table);
      }
      const times = await db().query('select distinct at from readings where thing = $1', [thing]);
      assert.deepEqual(times, [{ at: first }]);
    }
  });

  test('a row that the database refuses does not cost the other rows', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await db().script(`alter table readings add constraint planted check (channel <> 'planted')`);
    await Promise.all([
      send(cloud, thing, readings([1, BULK_ROWS])),
      send(cloud, thing, [...readings([BULK_ROWS + 1, 2 * BULK_ROWS]), [2 * BULK_ROWS + 1, 1, 'planted', 1]]),
      send(cloud, thing, readings([2 * BULK_ROWS + 2, MANY])),
    ]);
    await db().script('alter table readings drop constraint planted');
    await cloud.stop();
    assert.equal((await accountOf(db(), thing))?.committed, MANY);
    assert.equal((await seqsOf(db(), 'readings', thing)).length, MANY - BULK_ROWS - 1);
    assert.deepEqual(
      (await poisonOf(db(), thing)).map(({ reason }) => /planted/.test(reason)),
      [true],
    );
  });

  test('rows from two instances at the same time are stored once', async () => {
    const thing = newThing();
    const clouds = [new Instance(db()), new Instance(another())];
    await Promise.all(
      [0, 1, 2, 3].flatMap((part) => clouds.map((cloud) => send(cloud, thing, readings([1 + part * 100, BULK_ROWS + part * 100])))),
    );
    await Promise.all(clouds.map((cloud) => cloud.stop()));
    assert.equal((await seqsOf(db(), 'readings', thing)).length, BULK_ROWS + 300);
    assert.equal((await accountOf(db(), thing))?.committed, BULK_ROWS + 300);
  });
});
