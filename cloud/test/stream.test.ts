import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { listAlerts, markSeen } from '../src/alerts/alerts.ts';
import { addUser, invite, revoke } from '../src/auth/members.ts';
import type { Database } from '../src/database/database.ts';
import { ChangeNotifier, changedBy } from '../src/stream/changeNotifier.ts';
import { events } from '../src/stream/events.ts';
import { Looks } from '../src/stream/looks.ts';
import { Api, newPhone } from './support/api.ts';
import { onEachDatabase, onPostgres } from './support/databases.ts';
import { EventStream } from './support/eventStream.ts';
import { Instance } from './support/instance.ts';
import { event, newThing, telemetry } from './support/robot.ts';

const BEAT_MS = 100;
const AT = 1_763_929_000_000;

const raised = (seq: number): unknown[] => [seq, AT + seq, 'fall', true, { alert: 'raised', incident: `i-${seq}` }];
const incident = (name: string) => (data: Record<string, unknown>) => data.incident === name;

onEachDatabase('the stream', (db, another) => {
  let api: Api;
  let url = '';
  /** The notifier of another instance. The two instances share only the database. */
  let notifier: ChangeNotifier;
  let cloud: Instance;
  let marks = 0;

  before(async () => {
    api = await Api.open(db(), { stream: { heartbeatMs: BEAT_MS, limits: { all: 100, perUser: 3 } } });
    url = await api.app.listen({ host: '127.0.0.1', port: 0 });
    const other = another();
    notifier = new ChangeNotifier(other, pino({ level: 'silent' }));
    await notifier.start();
    cloud = new Instance(other, { onCommitted: (messages) => notifier.changed(changedBy(messages)) });
  });
  after(async () => {
    await cloud.stop();
    await api.close();
    await notifier.stop();
  });

  const publish = (thing: string, rows: unknown[], state: Record<string, unknown> = {}): Promise<void> =>
    cloud.send('elderly_bot/telemetry', telemetry({ thing, mark: [1, ++marks] }, rows, { state_seq: marks, ...state }));
  const open = (thing: string, token: string | null, lastId?: string): Promise<EventStream> =>
    EventStream.open(`${url}/telemetry/stream?thing=${thing}`, token, lastId);

  test('the stream begins with the current state, continues with commits of another instance, and sends heartbeats', async () => {
    const thing = newThing();
    await publish(thing, [raised(1), [2, AT, 'fall', false, { alert: 'cleared', incident: 'i-1' }], raised(3)], {
      fall: true,
      battery: 80,
    });
    const { token } = await api.register(thing);
    const stream = await open(thing, token);
    assert.deepEqual([stream.status, stream.headers.get('content-type')], [200, 'text/event-stream; charset=utf-8']);
    assert.deepEqual((await stream.event('state')).data, { thing, state: { fall: true, battery: 80 } });
    assert.deepEqual(
      stream.events.map(({ name, data }) => [name, data.incident]),
      [
        ['alert', 'i-3'],
        ['state', undefined],
      ],
    );
    await publish(thing, [raised(4)], { battery: 79 });
    assert.equal((await stream.event('alert', incident('i-4'))).data.state, 'committed');
    await stream.event('state', ({ state }) => (state as { battery: number }).battery === 79);
    const answer = event({ thing }, 5, { kind: 'result', id: 'c1', command: 'buzzer', status: 'done', applied: { data: true } });
    await cloud.send('elderly_bot/results', answer);
    assert.deepEqual((await stream.event('result')).data, {
      thing,
      id: 'c1',
      command: 'buzzer',
      status: 'done',
      reason: null,
      detail: null,
      applied: { data: true },
      at: 1_763_929_999_000,
    });
    const id = (await stream.event('alert', incident('i-4'))).data.id;
    await api.ask('POST', `/alerts/${id}/acknowledge`, { token });
    await stream.event('alert', (data) => data.id === id && data.state === 'acknowledged');
    while (stream.heartbeats === 0) await new Promise((resolve) => setTimeout(resolve, BEAT_MS));
    await stream.leave();
  });

  test('the stream resumes after the last event id with exactly the missed events', async () => {
    const thing = newThing();
    await publish(thing, [raised(1)], { fall: true });
    const { token } = await api.register(thing);
    const stream = await open(thing, token);
    await stream.event('state');
    await stream.leave();
    await publish(thing, [raised(2)]);
    await publish(thing, [[3, AT, 'fall', false, { alert: 'cleared', incident: 'i-1' }]]);
    const again = await open(thing, token, stream.lastId);
    await again.event('alert', incident('i-2'));
    await again.event('alert', (data) => data.incident === 'i-1' && data.state === 'resolved');
    assert.equal(again.events.length, 2, JSON.stringify(again.events));
    await again.leave();
    const third = await open(thing, token, again.lastId);
    await new Promise((resolve) => setTimeout(resolve, 2 * BEAT_MS));
    assert.deepEqual(third.events, []);
    await third.leave();
  });

  test('an invalid id, or an id ahead of a restored database, starts from the current state', async () => {
    const thing = newThing();
    await publish(thing, [raised(1)], { fall: true });
    const { token } = await api.register(thing);
    const ahead = '9000000000000000000:9000000000000000000:';
    for (const id of ['nonsense', '0:5:', '9:5:', '1:2:9', '3:9:5,4', '3:9:2', '3:9:9', '1:2:1,', ahead, '']) {
      const stream = await open(thing, token, id);
      await stream.event('state');
      const names = stream.events.map(({ name }) => name);
      assert.deepEqual(names, id === ahead ? ['gap', 'alert', 'state'] : ['alert', 'state'], id);
      await stream.leave();
    }
  });

  test('nothing is read while the client does not receive, and later the client gets all changes', async () => {
    const thing = newThing();
    let reads = 0;
    const counting: Database = {
      ...db(),
      prepared: (text, params) => {
        reads++;
        return db().prepared(text, params);
      },
    };
    const stopping = new AbortController();
    const userId = await newMember(db(), thing);
    const stream = events({ looks: new Looks(counting), notifier, thing, userId, since: null, signal: stopping.signal });
    await stream.next();
    await publish(thing, [raised(1)], { fall: true });
    const first = await stream.next();
    const before = reads;
    for (let seq = 2; seq <= 60; seq++) await publish(thing, [raised(seq)], { battery: seq });
    assert.equal(reads, before);
    const second = await stream.next();
    assert.match(String(first.value), /"i-1"/);
    for (let seq = 2; seq <= 60; seq++) assert.ok(String(second.value).includes(`"i-${seq}"`));
    assert.ok(String(second.value).includes('"battery": 60'));
    stopping.abort();
    assert.equal((await stream.next()).done, true);
  });

  test('too many changes cause a gap event and only the newest alerts', async () => {
    const thing = newThing();
    await publish(thing, [], { fall: true });
    const { token } = await api.register(thing);
    const stream = await open(thing, token);
    await stream.event('state');
    await stream.leave();
    for (let from = 0; from < 300; from += 100)
      await publish(
        thing,
        Array.from({ length: 100 }, (_, i) => raised(1_000 + from + i)),
      );
    const again = await open(thing, token, stream.lastId);
    await again.event('gap');
    await again.event('alert', incident('i-1299'));
    assert.equal(again.events.filter(({ name }) => name === 'alert').length, 200);
    await again.leave();
  });

  test('the stream requires a member’s token in the header, allows three connections, and ends with the membership', async () => {
    const thing = newThing();
    await publish(thing, [], { fall: true });
    const [member, stranger] = [await api.register(thing), await api.register()];
    for (const [status, stream] of [
      [401, await open(thing, null)],
      [401, await EventStream.open(`${url}/telemetry/stream?thing=${thing}&token=${member.token}`, null)],
      [403, await open(thing, stranger.token)],
    ] as const) {
      assert.equal(stream.status, status);
      await stream.leave();
    }
    const streams = await Promise.all([1, 2, 3].map(() => open(thing, member.token)));
    const fourth = await open(thing, member.token);
    assert.deepEqual([fourth.status, fourth.headers.has('retry-after')], [429, true]);
    await streams[0]?.leave();
    await revoke(db(), member.phone, thing);
    await Promise.all(streams.map(({ ended }) => ended));
  });

  test('a client that disconnects during authentication frees its connection', async () => {
    const thing = newThing();
    const { token } = await api.register(thing);
    for (let ms = 0; ms < 12; ms++) {
      const leaving = new AbortController();
      const headers = { authorization: `Bearer ${token}` };
      const asked = fetch(`${url}/telemetry/stream?thing=${thing}`, { headers, signal: leaving.signal }).catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, ms));
      leaving.abort();
      await asked;
    }
    for (const endMs = performance.now() + 5_000; ; ) {
      const stream = await open(thing, token);
      await stream.leave();
      if (stream.status === 200) break;
      assert.ok(performance.now() < endMs, `answered ${stream.status} for 5 s`);
    }
  });

  test('a stalled client does not block others and later receives the newest state', async () => {
    const thing = newThing();
    await publish(thing, [], { fall: true });
    const { token } = await api.register(thing);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.pause();
    socket.write(`GET /telemetry/stream?thing=${thing} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`);
    const text = 'x'.repeat(60_000);
    for (let i = 0; i < 60; i++) await publish(thing, [], { note: `${i}${text}` });
    socket.resume();
    let got = '';
    for await (const part of socket) {
      got += String(part);
      if (got.includes(`"note": "59x`)) break;
    }
    socket.destroy();
    assert.match(got, /^HTTP\/1.1 200/);
  });

  test('a stop ends the stream at once and closes idle connections', async () => {
    const thing = newThing();
    const own = await Api.open(db());
    const at = await own.app.listen({ host: '127.0.0.1', port: 0 });
    const { token } = await own.register(thing);
    const stream = await EventStream.open(`${at}/telemetry/stream?thing=${thing}`, token);
    const silent = connect(Number(new URL(at).port), '127.0.0.1');
    await once(silent, 'connect');
    const [startedMs, gone] = [performance.now(), once(silent, 'close')];
    await own.close();
    await Promise.all([stream.ended, gone]);
    assert.ok(performance.now() - startedMs < 2_000);
  });
});

onPostgres('a moment', (db, another) => {
  test('a moment separates transactions by their commit, not by their start', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    for (const seq of [1, 2]) await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [raised(seq)]));
    await cloud.stop();
    const [second, first] = await listAlerts(db(), { thing, limit: 2 });
    const stopping = new AbortController();
    const notifier = new ChangeNotifier(db(), pino({ level: 'silent' }));
    const userId = await newMember(db(), thing);
    const streamed = (since: string | null) => events({ looks: new Looks(db()), notifier, thing, userId, since, signal: stopping.signal });
    const next = async (since: string | null): Promise<string> => {
      const stream = streamed(since);
      await stream.next();
      return String((await stream.next()).value);
    };
    let moment = '';
    await another().transaction(async (sql) => {
      await sql.query('update alerts set seen_at = now() where id = $1', [first?.id ?? 0]);
      await markSeen(db(), [second?.id ?? 0], userId);
      moment = /^id: (\S+)$/m.exec(await next(null))?.[1] ?? '';
    });
    const late = await next(moment);
    assert.ok(late.includes('"i-1"') && !late.includes('"i-2"'), late);
    stopping.abort();
  });
});

async function newMember(db: Database, ...things: readonly string[]): Promise<number> {
  const phone = newPhone();
  const userId = (await addUser(db, phone, 'x')) ?? 0;
  for (const thing of things) await invite(db, phone, thing);
  return userId;
}
