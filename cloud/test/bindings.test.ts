import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../test/support/until.ts';
import { listAlerts } from '../src/alerts/alerts.ts';
import type { Database } from '../src/database/database.ts';
import { foldOutboxes } from '../src/receipts/index.ts';
import { resetRobot } from '../src/robots/index.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { event, newThing, presence, readings, telemetry } from './support/robot.ts';

const DAY_MS = 86_400_000;
const FALL_MS = 1_763_929_000_000;

interface Robot {
  readonly prefix: string;
  readonly session: string | null;
  readonly boot: number | null;
}

async function robot(db: Database, thing: string): Promise<Robot | undefined> {
  return (await db.query<Robot>('select prefix, session, session_boot as boot from robots where thing = $1', [thing]))[0];
}

async function reasons(db: Database, thing: string): Promise<string[]> {
  const rows = await db.query<{ reason: string }>('select reason from poison_messages where thing = $1 order by id', [thing]);
  return rows.map(({ reason }) => reason);
}

const fallOf = (thing: string, seq: number, alert: 'raised' | 'cleared'): Record<string, unknown> =>
  telemetry({ thing, outbox: 'box-1', accepted: seq }, [[seq, FALL_MS + seq, 'fall', alert === 'raised', { alert, incident: 'fall-1' }]], {
    kind: 'alert',
  });

onEachDatabase('bindings', (db) => {
  test('a robot on a plain prefix neither ends the alert of a robot with a prefix of its own nor gets its receipts', async () => {
    const [a, b, plain] = [newThing(), newThing(), newThing()];
    const cloud = new Instance(db(), { patterns: [plain, 'fleet/+'] });
    await cloud.send(`${plain}/presence`, presence({ thing: a }, []));
    await cloud.send(`fleet/${b}/presence`, presence({ thing: b }, []));
    await cloud.send(`fleet/${b}/telemetry`, fallOf(b, 1, 'raised'));
    await cloud.send(`${plain}/telemetry`, fallOf(b, 2, 'cleared'));
    await cloud.send(`${plain}/presence`, presence({ thing: b, mark: [9, 9] }, [], { session: 'taken' }));
    await cloud.send(`${plain}/telemetry`, `{"thing": "${b}", "readings": [[3, NaN, "gas", true, {"alert": "raised"}]]}`);
    await cloud.stop();
    assert.deepEqual(
      (await listAlerts(db(), { thing: b, limit: 5 })).map(({ channel, state }) => `${channel} ${state}`),
      ['fall committed'],
    );
    assert.deepEqual(await robot(db(), b), { prefix: `fleet/${b}`, session: 's1', boot: 1 });
    assert.deepEqual(await reasons(db(), b), Array(3).fill(`the robot ${b} belongs to the prefix fleet/${b}`));
    assert.ok(cloud.receipts.every(({ topic, receipt }) => receipt.thing !== b || topic === `fleet/${b}/receipts`));
  });

  test('beside robots with proof a plain prefix has one robot; the proof takes a name back', async () => {
    const [first, second, plain] = [newThing(), newThing(), newThing()];
    const cloud = new Instance(db(), { patterns: [plain, 'fleet/+'] });
    await cloud.send(`${plain}/telemetry`, telemetry({ thing: first }, readings([1, 1])));
    await cloud.send(`${plain}/telemetry`, telemetry({ thing: second }, readings([1, 1])));
    assert.equal(await robot(db(), second), undefined);
    assert.deepEqual(await reasons(db(), second), [`the prefix ${plain} belongs to ${first}`]);
    await cloud.send(`fleet/${first}/presence`, presence({ thing: first }, []));
    assert.equal((await robot(db(), first))?.prefix, `fleet/${first}`);
    await cloud.stop();
  });

  test('after a reset the next message binds the robot to its new prefix', async () => {
    const [thing, home] = [newThing(), newThing()];
    const cloud = new Instance(db(), { patterns: ['elderly_bot', home] });
    await cloud.send('elderly_bot/presence', presence({ thing }, []));
    await cloud.send(`${home}/presence`, presence({ thing, mark: [2, 1] }, [], { session: 's2' }));
    assert.deepEqual(await robot(db(), thing), { prefix: 'elderly_bot', session: 's1', boot: 1 });
    assert.equal(await resetRobot(db(), thing), true);
    await cloud.send(`${home}/presence`, presence({ thing, mark: [2, 1] }, [], { session: 's2' }));
    assert.deepEqual(await robot(db(), thing), { prefix: home, session: 's2', boot: 2 });
    await cloud.stop();
    assert.equal(await resetRobot(db(), 'nobody'), false);
  });

  test('a boot counter that jumps is ignored, and a false one expires after a day or by a reset', async () => {
    const thing = newThing();
    let nowMs = Date.now();
    const cloud = new Instance(db(), { nowMs: () => nowMs });
    const session = async (boot: number): Promise<string | null | undefined> => {
      await cloud.send('elderly_bot/presence', presence({ thing, mark: [boot, 1] }, [], { session: `boot-${boot}` }));
      return (await robot(db(), thing))?.session;
    };
    assert.equal(await session(3), 'boot-3');
    assert.equal(await session(Number.MAX_SAFE_INTEGER), 'boot-3', 'a jump is ignored');
    assert.equal(await session(900_000), 'boot-900000', 'a false mark within the bound');
    assert.equal(await session(4), 'boot-900000');
    nowMs += DAY_MS + 1_000;
    assert.equal(await session(4), 'boot-4', 'the false mark expired');
    assert.equal(await session(800_000), 'boot-800000');
    await resetRobot(db(), thing);
    assert.equal(await session(5), 'boot-5');
    await cloud.stop();
  });

  test('a correction of 2^53 ms leaves the times as they are, and alerts stay readable', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/telemetry', fallOf(thing, 1, 'raised'));
    const set = { kind: 'clock_set', of: 'box-1', boot: 1, ranges: [[1, 1]], offset_ms: Number.MAX_SAFE_INTEGER };
    await cloud.send('elderly_bot/events', event({ thing, outbox: 'box-2' }, 1, set));
    const odd = [2, -9e15, 'gas', true, { alert: 'raised', incident: 'gas-1', flapping: { raised: 1, cleared: 1, ms: 9e15 } }];
    await cloud.send('elderly_bot/telemetry', telemetry({ thing, accepted: 2 }, [odd], { kind: 'alert' }));
    await cloud.stop();
    assert.deepEqual(
      (await listAlerts(db(), { thing, limit: 5 })).map(({ channel, raised_at }) => [channel, raised_at]),
      [
        ['gas', 0],
        ['fall', FALL_MS + 1],
      ],
    );
  });

  test('a presence names at most 32 outboxes, the first ones', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const outboxes = Array.from({ length: 100 }, (_, i): [string, number] => [`box-${i}`, i + 1]);
    await cloud.send('elderly_bot/presence', presence({ thing }, outboxes));
    await cloud.stop();
    const rows = await db().query<{ outbox: string }>('select outbox from outboxes where thing = $1 order by accepted', [thing]);
    assert.deepEqual(
      rows.map(({ outbox }) => outbox),
      outboxes.slice(0, 32).map(([outbox]) => outbox),
    );
  });

  test('the state keeps at most 200 channels: the inherited ones and those of the last message', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const some = (name: string, count: number): Record<string, number> =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}_${i}`, i]));
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [], { state_seq: 1, fall: false, ...some('old', 150) }));
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [], { state_seq: 2, ...some('new', 150) }));
    await cloud.stop();
    const [row] = await db().query<{ state: Record<string, unknown> }>('select state from robots where thing = $1', [thing]);
    const names = Object.keys(row?.state ?? {});
    assert.equal(names.length, 200);
    assert.equal(names.filter((name) => name.startsWith('new_')).length, 150);
    assert.ok(names.includes('fall'));
  });

  test('an outbox has at most 100,000 ranges: a further alert stands without a receipt, and gaps can still close', async () => {
    const [thing, other] = [newThing(), newThing()];
    await db().query(
      `insert into outboxes (thing, outbox, accepted, committed)
      select $1, 'box-1', 200000, range_agg(int8range(i * 2, i * 2 + 1)) from generate_series(1, 100000) i`,
      [thing],
    );
    const cloud = new Instance(db());
    const sent = [fallOf(thing, 300_001, 'raised'), telemetry({ thing, accepted: 200_000 }, readings([3, 3]))];
    await Promise.all([
      ...sent.map((message) => cloud.send('elderly_bot/telemetry', message)),
      cloud.send('elderly_bot/telemetry', fallOf(other, 1, 'raised')),
    ]);
    await cloud.stop();
    assert.equal((await listAlerts(db(), { thing, limit: 5 })).length, 1);
    assert.equal((await listAlerts(db(), { thing: other, limit: 5 })).length, 1);
    assert.match((await reasons(db(), thing))[0] ?? '', /more than 100000 gaps/);
    const [box] = await db().query<{ has: boolean; closed: boolean }>(
      'select committed @> 300001::bigint as has, committed @> 3::bigint as closed from outboxes where thing = $1',
      [thing],
    );
    assert.deepEqual(box, { has: false, closed: true });
  });

  test('a robot names at most 1,000 new outboxes that miss rows in 90 days: alerts of a further one stand, presences count, a reset helps', async () => {
    const thing = newThing();
    await db().query(
      `insert into outboxes (thing, outbox, accepted, first_seen_at)
      select $1, 'old-' || i, 1, clock_timestamp() - case when i > 999 then interval '91 days' else interval '89 days' end
      from generate_series(1, 1100) i`,
      [thing],
    );
    const cloud = new Instance(db());
    const fall = (outbox: string, seq: number): Record<string, unknown> => ({ ...fallOf(thing, seq, 'raised'), outbox });
    const boxes = async (): Promise<string[]> =>
      (
        await db().query<{ outbox: string }>(`select outbox from outboxes where thing = $1 and outbox like 'box-%' order by outbox`, [
          thing,
        ])
      ).map(({ outbox }) => outbox);
    await cloud.send(
      'elderly_bot/presence',
      presence(
        { thing },
        [
          ['box-1', 1],
          ['box-2', 1],
        ],
        { session: 'named' },
      ),
    );
    assert.deepEqual([await boxes(), (await robot(db(), thing))?.session], [['box-1'], 'named']);
    await cloud.send('elderly_bot/telemetry', fall('box-1', 2));
    await cloud.send('elderly_bot/telemetry', { ...fall('box-3', 2), readings: [[2, FALL_MS, 'gas', true, { alert: 'raised' }]] });
    const declared = { kind: 'evicted', of: 'box-4', ranges: [[2, 2]], reason: 'space' };
    await cloud.send('elderly_bot/events', event({ thing }, 9, declared));
    assert.deepEqual(await boxes(), ['box-1']);
    const alerts = (await listAlerts(db(), { thing, limit: 5 })).map(({ channel }) => channel);
    assert.deepEqual(alerts.sort(), ['fall', 'gas']);
    const why = await reasons(db(), thing);
    assert.equal(why.length, 2);
    for (const reason of why)
      assert.match(reason, /named more than 1000 new outboxes that miss rows in 90 days; if it is not faulty: robot reset/);
    await resetRobot(db(), thing);
    await cloud.send('elderly_bot/telemetry', fall('box-3', 2));
    await cloud.stop();
    assert.deepEqual(await boxes(), ['box-1', 'box-3']);
  });

  test('1,200 settled outboxes of a crash loop do not count: each gets its receipt, also without rows', async () => {
    const thing = newThing();
    await db().query(
      `insert into outboxes (thing, outbox, accepted, committed, evicted)
      select $1, 'old-' || i, i % 3, case i % 3 when 0 then '{}' else '{[1,1]}' end::int8multirange,
        case i % 3 when 2 then '{[2,2]}' else '{}' end::int8multirange from generate_series(1, 1100) i`,
      [thing],
    );
    const cloud = new Instance(db(), { receiptIntervalMs: 10, publishesPerSecond: 1_000 });
    const names = Array.from({ length: 100 }, (_, i) => `box-${i}`);
    for (const [i, outbox] of names.entries()) {
      await cloud.send('elderly_bot/presence', presence({ thing, mark: [i + 1, 1] }, [[outbox, i % 2]], { session: outbox }));
      await cloud.send('elderly_bot/telemetry', { ...fallOf(thing, 1, 'raised'), outbox });
    }
    const missing = (): string[] =>
      names.filter((name) => !cloud.receipts.some(({ receipt }) => receipt.outbox === name && receipt.accepted === 1));
    await until(() => missing().length === 0, 'each outbox has its receipt', { explain: () => missing().join(' ') });
    await cloud.stop();
    assert.deepEqual([await reasons(db(), thing), (await robot(db(), thing))?.session], [[], 'box-99']);
    await foldOutboxes(db());
    const [left] = await db().query<{ count: number }>('select count(*) as count from outboxes where thing = $1', [thing]);
    assert.deepEqual(left, { count: 1_000 });
  });

  test('after two instances exceeded the bound together, a presence counts and its new outbox is ignored', async () => {
    const thing = newThing();
    await db().query(`insert into outboxes (thing, outbox, accepted) select $1, 'old-' || i, 1 from generate_series(1, 1002) i`, [thing]);
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/presence', presence({ thing }, [['box-1', 1]], { session: 'counted' }));
    await cloud.send('elderly_bot/telemetry', { ...fallOf(thing, 1, 'raised'), outbox: 'box-2' });
    await cloud.send('elderly_bot/telemetry', { ...fallOf(thing, 2, 'raised'), outbox: 'box-3' });
    await cloud.stop();
    const rows = await db().query<{ outbox: string }>(`select outbox from outboxes where thing = $1 and outbox like 'box-%'`, [thing]);
    assert.deepEqual([rows, (await robot(db(), thing))?.session], [[{ outbox: 'box-2' }], 'counted'], 'box-2 is settled, box-3 is not');
    assert.equal((await reasons(db(), thing)).length, 1);
  });

  test('old outboxes without an open row are folded, except the latest 100', async () => {
    const thing = newThing();
    await db().query(
      `insert into outboxes (thing, outbox, accepted, committed, first_seen_at)
      select $1, 'box-' || i, 5, case when i = 7 then '{[1,4]}'::int8multirange else '{[1,5]}' end,
        clock_timestamp() - interval '1 year' + i * interval '1 minute' from generate_series(1, 110) i`,
      [thing],
    );
    await foldOutboxes(db());
    const left = await db().query<{ outbox: string }>('select outbox from outboxes where thing = $1 order by first_seen_at', [thing]);
    assert.deepEqual([left.length, left[0]?.outbox, left[1]?.outbox], [101, 'box-7', 'box-11']);
  });

  test('10 messages of a robot that cannot be stored are kept in an hour; the others are counted, and their alerts stand', async () => {
    const [thing, other] = [newThing(), newThing()];
    const bad = (of: string, n: number): string =>
      `{"thing": "${of}", "readings": [[${n}, NaN, "gas", true, {"alert": "raised", "incident": "i-${n}"}]]}`;
    const fleet = new Instance(db(), { patterns: ['poisoned/+'] });
    for (let n = 1; n <= 15; n++) await fleet.send(`poisoned/${thing}/telemetry`, bad(thing, n));
    await fleet.send(`poisoned/${other}/telemetry`, bad(other, 1));
    await fleet.stop();
    const kept = async (name: string): Promise<unknown[]> =>
      db().query(
        `select c.count, (select count(*) from poison_messages where topic like '%' || $1 || '/telemetry') as kept
        from poison_counts c where source like '%' || $1`,
        [name],
      );
    assert.deepEqual(await kept(`poisoned/${thing}`), [{ count: 15, kept: 10 }]);
    assert.deepEqual(await kept(`poisoned/${other}`), [{ count: 1, kept: 1 }]);
    assert.equal((await listAlerts(db(), { thing, limit: 50 })).length, 15);
  });
});
