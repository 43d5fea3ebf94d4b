import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { readAccounts } from '../src/receipts/coverage.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { accountOf, poisonCount, poisonOf, seqsOf } from './support/ledger.ts';
import { event, newThing, presence, readings, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';
const BACKLOG = 'elderly_bot/backlog';
const EVENTS = 'elderly_bot/events';
const RESULTS = 'elderly_bot/results';
const PRESENCE = 'elderly_bot/presence';

onEachDatabase('ingest', (db, another) => {
  test('a row that is delivered twice is stored once', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 5 }, readings([1, 3])));
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 5 }, readings([1, 3])));
    await cloud.send(BACKLOG, telemetry({ thing, accepted: 5 }, readings([2, 5]), { kind: 'backlog' }));
    await cloud.stop();
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [1, 2, 3, 4, 5]);
    assert.deepEqual(await accountOf(db(), thing), { outbox: 'box-1', accepted: 5, committed: 5, evicted: 0, outstanding: 0 });
  });

  test('a message is acknowledged only after its commit', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    let acknowledged = false;
    const sending = await db().transaction(async (sql) => {
      await sql.query('lock table outboxes in exclusive mode');
      const sent = cloud.send(TELEMETRY, telemetry({ thing }, readings([1, 1]))).then(() => {
        acknowledged = true;
      });
      await sql.query('select pg_sleep(0.1)');
      assert.equal(acknowledged, false);
      return { sent };
    });
    await sending.sent;
    await cloud.stop();
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [1]);
  });

  test('a second delivery restores missing coverage and missing rows', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const message = telemetry({ thing, accepted: 3 }, readings([1, 3]));
    await cloud.send(TELEMETRY, message);
    await db().query('delete from outboxes where thing = $1', [thing]);
    await cloud.send(TELEMETRY, message);
    assert.equal((await accountOf(db(), thing))?.committed, 3);
    await db().query('delete from readings where thing = $1 and seq = 2', [thing]);
    await cloud.send(TELEMETRY, message);
    await cloud.stop();
    assert.deepEqual(await seqsOf(db(), 'readings', thing), [1, 2, 3]);
    assert.equal((await accountOf(db(), thing))?.committed, 3);
  });

  test('a reading is stored with all its fields', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const extra = { alert: 'raised', incident: 'i-1', clock: 'untrusted', stamp: 1_763_929_000_000.5 };
    const rows = [
      [1, 1_763_929_000_001, 'fall', true, extra],
      [2, 1_763_929_000_002, 'mood', 'fi\0ne "\ud800\\u0000'],
      [3, 1_763_929_000_003, 'battery', null, { bad: 'nan' }],
      [4, -1, 'temperature', 41.25],
    ];
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 4 }, rows));
    await cloud.stop();
    const stored = await db().query(
      'select seq, at, channel, value, alert, incident, bad, clock, stamp from readings where thing = $1 order by seq',
      [thing],
    );
    const plain = { alert: null, incident: null, bad: null, clock: null, stamp: null };
    assert.deepEqual(stored, [
      { seq: 1, at: 1_763_929_000_001, channel: 'fall', value: true, bad: null, ...extra },
      { seq: 2, at: 1_763_929_000_002, channel: 'mood', value: 'fi\uFFFDne "\uFFFD\\u0000', ...plain },
      { seq: 3, at: 1_763_929_000_003, channel: 'battery', value: null, ...plain, bad: 'nan' },
      { seq: 4, at: 0, channel: 'temperature', value: 41.25, ...plain, clock: 'untrusted' },
    ]);
  });

  test('readings, results and events of one outbox share its seqs', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing }, readings([1, 2])));
    await cloud.send(
      RESULTS,
      event({ thing }, 3, { kind: 'result', id: 'c1', command: 'buzzer', status: 'done', applied: { data: true } }),
    );
    await cloud.send(
      EVENTS,
      event({ thing }, 4, { kind: 'problem', code: 'clock_untrusted', severity: 'warning', state: 'raised', text: 'why' }),
    );
    await cloud.send(EVENTS, event({ thing }, 5, { kind: 'of_a_newer_robot', anything: { goes: [1] } }));
    await cloud.stop();
    assert.deepEqual(await accountOf(db(), thing), { outbox: 'box-1', accepted: 5, committed: 5, evicted: 0, outstanding: 0 });
    assert.deepEqual(await db().query('select id, command, status, applied from results where thing = $1', [thing]), [
      { id: 'c1', command: 'buzzer', status: 'done', applied: { data: true } },
    ]);
    assert.deepEqual(await db().query('select kind, body from events where thing = $1 order by seq', [thing]), [
      { kind: 'problem', body: { code: 'clock_untrusted', severity: 'warning', state: 'raised', text: 'why' } },
      { kind: 'of_a_newer_robot', body: { anything: { goes: [1] } } },
    ]);
  });

  test('a presence, a result and an event of a newer robot lose only the optional values that this version does not know', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(PRESENCE, presence({ thing }, [], { version: '9', storage: 'degraded', boot: 'b', channels: ['Gas'] } as object));
    await cloud.send(RESULTS, event({ thing }, 1, { kind: 'result', id: 'c1', status: 'failed', reason: 'too_tired', times: 1 }));
    await cloud.send(EVENTS, event({ thing }, 2, { kind: 'evicted', of: 'box-0', ranges: [[1, 3]], reason: 'age', alerts: [[1, 'x']] }));
    await cloud.stop();
    assert.deepEqual(await db().query('select version, storage, boot, online from robots where thing = $1', [thing]), [
      { version: '9', storage: null, boot: null, online: true },
    ]);
    assert.deepEqual(await db().query('select status, reason from results where thing = $1', [thing]), [
      { status: 'failed', reason: null },
    ]);
    const evicted = (await readAccounts(db(), thing)).find(({ outbox }) => outbox === 'box-0')?.evicted;
    const [box] = await db().query<{ evicted: string }>(`select evicted::text from outboxes where thing = $1 and outbox = 'box-0'`, [
      thing,
    ]);
    assert.deepEqual([evicted, box?.evicted], [3, '{[1,4)}']);
  });

  test('an unreadable reading is stored as text, counts as committed and does not cost the other readings', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const rows = [
      ...readings([1, 1]),
      [2, 'yesterday', 'gas', true],
      [3, 5, 'Gas!', { a: '\0' }],
      ['x', 5, 'gas', true],
      ...readings([4, 4]),
    ];
    await cloud.send(TELEMETRY, telemetry({ thing, accepted: 4 }, rows));
    await cloud.stop();
    const stored = await db().query<{ seq: number; channel: string | null; raw: string | null }>(
      'select seq, channel, raw from readings where thing = $1 order by seq',
      [thing],
    );
    assert.deepEqual(stored, [
      { seq: 1, channel: 'temperature', raw: null },
      { seq: 2, channel: null, raw: '[2,"yesterday","gas",true]' },
      { seq: 3, channel: null, raw: '[3,5,"Gas!",{"a":"\\u0000"}]' },
      { seq: 4, channel: 'temperature', raw: null },
    ]);
    assert.equal((await accountOf(db(), thing))?.outstanding, 0);
    assert.deepEqual(await poisonOf(db(), thing), [{ reason: 'a reading without a seq', text: '["x",5,"gas",true]' }]);
  });

  test('an invalid event or result with a seq is stored as text and counts as committed', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send(EVENTS, event({ thing }, 1, { kind: 'evicted', of: 'box-0', ranges: [[9, 1]], reason: 'age' }));
    await cloud.send(RESULTS, event({ thing }, 2, { kind: 'result', id: 'no spaces!' }));
    await cloud.stop();
    const [bad] = await db().query<{ raw: string; unread: string }>('select raw, unread from events where thing = $1', [thing]);
    assert.match(bad?.raw ?? '', /\[\[9,1\]\]/);
    assert.match(bad?.unread ?? '', /ranges/);
    assert.deepEqual(await readAccounts(db(), thing), [{ outbox: 'box-1', accepted: 2, committed: 2, evicted: 0, outstanding: 0 }]);
  });

  test('a message that can’t be decoded is stored as poison and acknowledged', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const before = await poisonCount(db());
    await cloud.send(TELEMETRY, '{"thing": "half');
    await cloud.send(TELEMETRY, Buffer.from([0xff, 0xfe, 0x00]));
    await cloud.send(TELEMETRY, '7');
    await cloud.send(TELEMETRY, { thing, outbox: 'not an outbox id!', readings: readings([1, 2]) });
    await cloud.send(TELEMETRY, { thing, outbox: 'box-1' });
    await cloud.send(EVENTS, { thing, outbox: 'box-1', seq: 'first' });
    await cloud.send(PRESENCE, { thing, online: 'yes' });
    await cloud.send('elderly_bot/telemetry/more', telemetry({ thing }, readings([1, 1])));
    await cloud.stop();
    assert.equal((await poisonCount(db())) - before, 8);
    assert.deepEqual(await readAccounts(db(), thing), []);
  });

  test('a backlog payload may be deflated, with at most 2 MiB after inflation', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const message = telemetry({ thing, accepted: 200 }, readings([1, 200]), { kind: 'backlog' });
    await cloud.send(BACKLOG, deflateSync(JSON.stringify(message)));
    await cloud.send(BACKLOG, deflateSync(Buffer.alloc(50 * 1024 * 1024, ' ')));
    await cloud.send(BACKLOG, deflateSync(JSON.stringify(message)).subarray(0, 300));
    await cloud.send(TELEMETRY, deflateSync(JSON.stringify(message)));
    await cloud.stop();
    assert.equal((await accountOf(db(), thing))?.committed, 200);
    const poison = await db().query<{ reason: string }>('select reason from poison_messages order by id desc limit 3');
    assert.deepEqual(
      poison.map(({ reason }) => /Cannot create a Buffer larger than 2097152|unexpected end of file|unreadable/.test(reason)),
      [true, true, true],
    );
  });

  test('a message whose thing does not match its topic is stored as poison', async () => {
    const [thing, other] = [newThing(), newThing()];
    const cloud = new Instance(db(), { patterns: ['fleet/+'] });
    await cloud.send(`fleet/${thing}/telemetry`, telemetry({ thing }, readings([1, 1])));
    await cloud.send(`fleet/${thing}/telemetry`, telemetry({ thing: other }, readings([1, 1])));
    await cloud.send(`fleet/${thing}/presence`, presence({ thing: other }, [['box-1', 1]]));
    await cloud.stop();
    assert.equal((await accountOf(db(), thing))?.committed, 1);
    assert.deepEqual(await readAccounts(db(), other), []);
    assert.deepEqual(
      (await poisonOf(db(), other)).map(({ reason }) => reason),
      [`thing ${other} may not publish on fleet/${thing}/telemetry`, `thing ${other} may not publish on fleet/${thing}/presence`],
    );
  });

  test('a message that the database refuses is stored as poison, counts as committed and blocks no other message', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const deep = `${'['.repeat(20_000)}1${']'.repeat(20_000)}`;
    const refused = JSON.stringify(event({ thing }, 2, { kind: 'newer', body: 'DEEP' })).replace('"DEEP"', deep);
    const sent = [
      cloud.send(TELEMETRY, telemetry({ thing }, readings([1, 1]))),
      cloud.send(EVENTS, refused),
      cloud.send(TELEMETRY, telemetry({ thing }, [[3, 1, 'planted', 1]])),
      cloud.send(TELEMETRY, telemetry({ thing }, readings([4, 4]))),
    ];
    await db().script(`alter table readings add constraint planted check (channel <> 'planted')`);
    await Promise.all(sent);
    await cloud.send(TELEMETRY, telemetry({ thing }, [[5, 1, 'planted', 1]]));
    await db().script('alter table readings drop constraint planted');
    await cloud.stop();
    assert.deepEqual(await accountOf(db(), thing), { outbox: 'box-1', accepted: 5, committed: 5, evicted: 0, outstanding: 0 });
    const reasons = (await poisonOf(db(), thing)).map(({ reason }) => reason);
    assert.ok(
      reasons.some((reason) => /the message could not be stored: .*planted/.test(reason)),
      reasons.join('\n'),
    );
    assert.ok(
      reasons.some((reason) => /call stack/.test(reason)),
      reasons.join('\n'),
    );
  });

  test('two instances that receive the same rows store each row once and lose no coverage', async () => {
    const thing = newThing();
    const clouds = [new Instance(db()), new Instance(another())];
    const messages = Array.from({ length: 60 }, (_, i) =>
      telemetry({ thing, accepted: 660, mark: [1, i] }, readings([1 + i * 10, 15 + i * 10])),
    );
    await Promise.all(
      messages.flatMap((message, i) => clouds.map((cloud, k) => cloud.send(BACKLOG, k === 0 ? message : messages[59 - i]))),
    );
    await Promise.all(clouds.map((cloud) => cloud.stop()));
    assert.equal((await seqsOf(db(), 'readings', thing)).length, 605);
    assert.deepEqual(await accountOf(db(), thing), { outbox: 'box-1', accepted: 660, committed: 605, evicted: 0, outstanding: 55 });
  });

  test('two instances that update two outboxes in opposite order don’t deadlock', async () => {
    const [a, b] = [newThing(), newThing()];
    const clouds = [new Instance(db()), new Instance(another())];
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => i + 1).flatMap((seq) =>
        clouds.flatMap((cloud, k) =>
          (k === 0 ? [a, b] : [b, a]).map((thing) => cloud.send(TELEMETRY, telemetry({ thing }, readings([seq, seq])))),
        ),
      ),
    );
    await Promise.all(clouds.map((cloud) => cloud.stop()));
    for (const thing of [a, b]) assert.equal((await accountOf(db(), thing))?.committed, 40);
  });
});
