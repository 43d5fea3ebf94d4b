// One robot's trouble stays its own: a lock on its rows, a slow statement, a huge backlog, or more than any honest robot sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { eventually } from '../../test/support/until.ts';
import type { Sql } from '../src/database/database.ts';
import { onEachDatabase, onPostgres } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { seqsOf } from './support/ledger.ts';
import { newThing, presence, readings, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const BACKLOG = 'elderly_bot/backlog';
/** cloud/src/messages/decode.ts */
const MAX_READINGS = 5_000;

const fall = (thing: string, seq: number): Record<string, unknown> =>
  telemetry({ thing, accepted: seq }, [[seq, 1, 'fall', true, { alert: 'raised', incident: `i-${seq}` }]], { kind: 'alert' });
const backlog = (thing: string, first: number, last: number): Buffer =>
  deflateSync(JSON.stringify(telemetry({ thing, accepted: last }, readings([first, last]), { kind: 'backlog' })));

onPostgres('lanes', (db) => {
  const locks: [what: string, lock: (sql: Sql, thing: string) => Promise<unknown>][] = [
    ['its row in robots', (sql, thing) => sql.query('select from robots where thing = $1 for update', [thing])],
    ['its outbox', (sql, thing) => sql.query('select from outboxes where thing = $1 for update', [thing])],
    ['its alert', (sql, thing) => sql.query('select from alerts where thing = $1 for update', [thing])],
  ];
  for (const [what, lock] of locks) {
    test(`while another transaction locks ${what}, only that robot waits`, async () => {
      const things = Array.from({ length: 20 }, newThing);
      const [locked = '', ...others] = things;
      const cloud = new Instance(db());
      await Promise.all(things.map((thing) => cloud.send(TELEMETRY, { ...fall(thing, 1), state_seq: 1, fall: true })));
      let isStored = false;
      const waiting = await db().transaction(async (sql) => {
        await lock(sql, locked);
        const sending = [2, 3].map((round) => {
          const message = (thing: string) => ({ ...fall(thing, 1), accepted: round, state_seq: round, fall: false, mark: [1, round] });
          const own = cloud.send(TELEMETRY, message(locked)).then(() => {
            isStored = true;
          });
          return { own, rest: Promise.all(others.map((thing) => cloud.send(TELEMETRY, message(thing)))) };
        });
        await Promise.all(sending.map(({ rest }) => rest));
        await eventually(
          () => cloud.load.stuck,
          ([stuck]) => stuck === `elderly_bot ${locked}`,
          'the robot is on the side lane',
        );
        await Promise.all(others.map((thing) => cloud.send(TELEMETRY, fall(thing, 4))));
        assert.equal(isStored, false);
        return sending.map(({ own }) => own);
      });
      await Promise.all(waiting);
      await cloud.send(TELEMETRY, fall(locked, 4));
      assert.deepEqual(cloud.load.stuck, []);
      await cloud.stop();
      for (const thing of things) assert.deepEqual(await seqsOf(db(), 'readings', thing), [1, 4]);
    });
  }

  test('a statement that takes too long delays only its robot', async () => {
    const [slow, other] = [newThing(), newThing()];
    await db().script(`create function planted() returns trigger language plpgsql as $$ begin
      if new.thing = '${slow}' and new.channel = 'slow' then perform pg_sleep(60); end if; return new; end $$;
      create trigger planted before insert on readings for each row execute function planted()`);
    const cloud = new Instance(db());
    const sent = cloud.send(TELEMETRY, telemetry({ thing: slow }, [[1, 1, 'slow', 1]]));
    await cloud.send(TELEMETRY, fall(other, 1));
    await eventually(
      () => cloud.load.stuck,
      ({ length }) => length === 1,
      'the robot is on the side lane',
    );
    await cloud.send(TELEMETRY, fall(other, 2));
    await db().script('drop trigger planted on readings');
    await sent;
    await cloud.stop();
    assert.deepEqual(await seqsOf(db(), 'readings', slow), [1]);
  });
});

onEachDatabase('lanes and bounds', (db) => {
  test('an alert does not wait for the backlog of another robot, nor of its own', async () => {
    const [busy, other] = [newThing(), newThing()];
    const cloud = new Instance(db());
    let stored = 0;
    const count = 36;
    const sent = Array.from({ length: count }, (_, i) =>
      cloud.send(BACKLOG, backlog(busy, i * MAX_READINGS + 1, (i + 1) * MAX_READINGS)).then(() => stored++),
    );
    await Promise.all([cloud.send(TELEMETRY, fall(other, 1)), cloud.send(TELEMETRY, fall(busy, count * MAX_READINGS + 1))]);
    assert.ok(stored <= 4, `${stored} messages of backlog were stored before the alerts`);
    await Promise.all(sent);
    await cloud.stop();
    assert.equal((await seqsOf(db(), 'readings', busy)).length, count * MAX_READINGS + 1);
  });

  test('a message with more readings than a robot may send is stored as poison, and its alert stands', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const rows = [[1, 1, 'fall', true, { alert: 'raised', incident: 'i-1' }], ...readings([2, MAX_READINGS + 1])];
    await cloud.send(BACKLOG, deflateSync(JSON.stringify(telemetry({ thing }, rows, { kind: 'backlog' }))));
    await cloud.send(TELEMETRY, telemetry({ thing }, [[1, 1, 'mood', 'x'.repeat(128 * 1024)]]));
    await cloud.stop();
    assert.deepEqual(await seqsOf(db(), 'readings', thing), []);
    assert.deepEqual(await db().query('select reason from poison_messages where thing = $1', [thing]), [
      { reason: '5001 readings, but a message has at most 5000' },
    ]);
    assert.deepEqual(await db().query('select channel, incident from alerts where thing = $1', [thing]), [
      { channel: 'fall', incident: 'i-1' },
    ]);
  });

  test('a robot above its rate goes into quarantine: its alerts are taken, its backlog waits, and no other robot notices', async () => {
    const [greedy, other] = [newThing(), newThing()];
    const none = { rows: 0, bytes: 0 };
    const rate = { burst: { rows: 2_500, bytes: 1024 ** 3 }, perSecond: none };
    const cloud = new Instance(db(), { patterns: ['fleet/+'], rate });
    const topic = (thing: string, name: string): string => `fleet/${thing}/${name}`;
    for (const first of [1, 1_001, 2_001, 3_001]) await cloud.send(topic(greedy, 'backlog'), backlog(greedy, first, first + 999));
    assert.deepEqual(cloud.load.quarantined, [`fleet/${greedy}`]);
    assert.equal(cloud.load.refused, 1);
    const mixed = telemetry({ thing: greedy }, [...readings([4_001, 4_002]), [4_003, 1, 'fall', true, { alert: 'raised' }]], {
      kind: 'alert',
    });
    await cloud.send(topic(greedy, 'telemetry'), mixed);
    await cloud.send(topic(other, 'backlog'), backlog(other, 1, 1_000));
    await cloud.send(topic(other, 'presence'), presence({ thing: other }, [['box-1', 1_000]]));
    await cloud.stop();
    const kept = await seqsOf(db(), 'readings', greedy);
    assert.deepEqual([kept.length, kept.at(-2), kept.at(-1)], [3_001, 3_000, 4_003]);
    assert.equal((await seqsOf(db(), 'readings', other)).length, 1_000);
    // No receipt covers what was not stored, so the robot sends it again.
    const [account] = await db().query<{ committed: string }>('select committed::text from outboxes where thing = $1', [greedy]);
    assert.equal(account?.committed, '{[1,3001),[4003,4004)}');
  });

  test('messages of one robot that fill the window without being stored are left to its outbox', async () => {
    const [stuck, other] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await Promise.all(Array.from({ length: 200 }, (_, i) => cloud.send(TELEMETRY, telemetry({ thing: stuck }, readings([i + 1, i + 1])))));
    await cloud.send(TELEMETRY, fall(other, 1));
    await cloud.stop();
    assert.ok(cloud.load.refused > 0);
    const stored = await seqsOf(db(), 'readings', stuck);
    assert.equal(stored.length + cloud.load.refused, 200);
  });
});
