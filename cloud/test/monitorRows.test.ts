// The inherited tables get their rows after the messages, whatever happens to these tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { eventually } from '../../test/support/until.ts';
import { listAlerts } from '../src/alerts/index.ts';
import type { Database } from '../src/database/index.ts';
import { MonitorRows } from '../src/robots/index.ts';
import { onEachDatabase, onPostgres } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { accountOf, poisonOf } from './support/ledger.ts';
import { newThing, presence, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const FALL = [1, 1_763_929_000_001, 'fall', true, { alert: 'raised', incident: 'i-1' }];
const STATE = { state_seq: 1, gas: false, fall: true, battery: 80, temperature: 41.5 };

onEachDatabase('system_health and safety_monitor', (db) => {
  test('at the end of their ids cost no alert and make no poison, and get their rows later', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const at = (id: number) =>
      db().query(`select setval('system_health_id_seq', $1::bigint), setval('safety_monitor_id_seq', $1::bigint)`, [id]);
    await db().script('alter sequence system_health_id_seq maxvalue 9000; alter sequence safety_monitor_id_seq maxvalue 9000');
    await at(9_000);
    await cloud.send(TELEMETRY, telemetry({ thing }, [FALL], STATE));
    await assert.rejects(cloud.fill(), { code: '2200H' });
    assert.deepEqual(
      (await listAlerts(db(), { thing, limit: 9 })).map(({ value, unread }) => [value, unread]),
      [[true, null]],
    );
    assert.equal((await accountOf(db(), thing))?.committed, 1);
    assert.deepEqual([cloud.codes, await poisonOf(db(), thing), await rowsOf(db(), thing)], [[], [], [[], []]]);
    await db().script('alter sequence system_health_id_seq no maxvalue; alter sequence safety_monitor_id_seq no maxvalue');
    await cloud.stop();
    assert.deepEqual(await rowsOf(db(), thing), [[{ power: 80, temperature: 41.5 }], [{ gas: 'Normal', fall: 'Detected' }]]);
  });

  test('with a check of another program refuse only the rows that it names', async () => {
    const [broken, healthy] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await db().script('alter table system_health add constraint planted check (power > 50)');
    await cloud.send(TELEMETRY, telemetry({ thing: broken }, [], { ...STATE, battery: 5 }));
    await cloud.send(TELEMETRY, telemetry({ thing: healthy }, [], STATE));
    await cloud.stop();
    await db().script('alter table system_health drop constraint planted');
    assert.deepEqual((await rowsOf(db(), broken))[0], []);
    assert.deepEqual((await rowsOf(db(), healthy))[0], [{ power: 80, temperature: 41.5 }]);
    assert.deepEqual(await db().query('select id from monitor_due'), []);
  });

  test('get their rows even if the other table takes none', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    for (const [i, table] of ['system_health', 'safety_monitor'].entries()) {
      await db().script(`alter table ${table} rename to gone`);
      const fall = i === 0;
      await cloud.send(TELEMETRY, telemetry({ thing, mark: [1, 9 + i] }, [], { ...STATE, state_seq: i + 1, fall, battery: 80 + i }));
      await assert.rejects(cloud.fill(), { code: '42P01' });
      await db().script(`alter table gone rename to ${table}`);
      assert.deepEqual(
        (await rowsOf(db(), thing)).map(({ length }) => length),
        [i, 1],
      );
      await cloud.fill();
    }
    assert.deepEqual(
      (await rowsOf(db(), thing)).map(({ length }) => length),
      [1, 2],
    );
    await cloud.stop();
  });

  test('get no row that could not be moved for a day', async () => {
    const [old, recent] = [newThing(), newThing()];
    const cloud = new Instance(db());
    for (const thing of [old, recent]) await cloud.send(TELEMETRY, telemetry({ thing }, [], STATE));
    await db().query(`update monitor_due set queued_at = queued_at - interval '25 hours' where thing = $1`, [old]);
    await new MonitorRows({ db: db(), log: pino({ level: 'silent' }) }).forget();
    await cloud.stop();
    assert.deepEqual(
      (await Promise.all([old, recent].map((thing) => rowsOf(db(), thing)))).flat().map(({ length }) => length),
      [0, 0, 1, 1],
    );
  });

  test('get many rows in the order of the messages', async () => {
    const things = Array.from({ length: 20 }, newThing);
    const cloud = new Instance(db());
    for (let seq = 1; seq <= 40; seq++) {
      await Promise.all(
        things.map((thing) =>
          cloud.send(TELEMETRY, telemetry({ thing, mark: [1, seq] }, [], { ...STATE, state_seq: seq, gas: `gas ${seq}` })),
        ),
      );
    }
    await cloud.stop();
    for (const thing of things) {
      const [, safety] = await rowsOf(db(), thing);
      assert.deepEqual(
        safety.map((row) => (row as { gas: string }).gas),
        Array.from({ length: 40 }, (_, i) => `gas ${i + 1}`),
      );
    }
  });

  test('get a row of a robot without a battery, and its battery as soon as it is known', async () => {
    const [announced, silent] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/presence', presence({ thing: announced }, [], { channels: ['temperature', 'gas'] }));
    for (const thing of [announced, silent]) {
      await cloud.send(TELEMETRY, telemetry({ thing, mark: [1, 2_000] }, [], { state_seq: 1, temperature: 41, gas: false }));
    }
    await cloud.send(TELEMETRY, telemetry({ thing: silent, mark: [1, 3_000] }, [], { state_seq: 2, battery: 70.4 }));
    await cloud.stop();
    assert.deepEqual((await rowsOf(db(), announced))[0], [{ power: 0, temperature: 41 }]);
    assert.deepEqual((await rowsOf(db(), silent))[0], [
      { power: 0, temperature: 41 },
      { power: 70, temperature: 41 },
    ]);
  });
});

onPostgres('locked inherited tables', (db, another) => {
  test('delay neither a message nor its receipt, and get their rows when the lock ends', async () => {
    const thing = newThing();
    const cloud = new Instance(another());
    const monitors = new MonitorRows({ db: another(), log: pino({ level: 'silent' }) });
    monitors.start();
    await db().transaction(async (sql) => {
      await sql.script('lock table system_health, safety_monitor, system_health_of, safety_monitor_of in access exclusive mode');
      await cloud.send(TELEMETRY, telemetry({ thing }, [FALL], STATE));
      monitors.committed();
      await eventually(
        () => db().query<{ n: number }>(`select count(*) as n from pg_locks where not granted`),
        ([row]) => row?.n === 2,
      );
      assert.equal((await listAlerts(db(), { thing, limit: 9 })).length, 1);
      await cloud.send(TELEMETRY, telemetry({ thing, mark: [1, 2_000] }, [], { ...STATE, state_seq: 2, fall: false }));
      monitors.committed();
    });
    await eventually(
      () => rowsOf(db(), thing),
      ([health, safety]) => health.length === 1 && safety.length === 2,
    );
    await monitors.stop();
    await cloud.stop();
  });
});

async function rowsOf(db: Database, thing: string): Promise<[unknown[], unknown[]]> {
  const health = await db.query(
    'select power, temperature from system_health join system_health_of using (id) where thing = $1 order by id',
    [thing],
  );
  const safety = await db.query('select gas, fall from safety_monitor join safety_monitor_of using (id) where thing = $1 order by id', [
    thing,
  ]);
  return [health, safety];
}
