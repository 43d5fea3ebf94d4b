import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Database } from '../src/database/database.ts';
import { Api, type ApiOptions, type Ask } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { newThing, presence, telemetry } from './support/robot.ts';

const TELEMETRY = 'elderly_bot/telemetry';

onEachDatabase('robots', (db) => {
  test('the telemetry is empty before the first robot', async () => {
    assert.deepEqual(await get(db(), '/telemetry'), { status: 200, body: {} });
  });

  test('the public route returns the latest state of the only robot or of the requested robot', async () => {
    const [first, second] = [newThing(), newThing()];
    const cloud = new Instance(db());
    await cloud.send(TELEMETRY, telemetry({ thing: first, mark: [1, 5] }, [], { state_seq: 5, gas: true, battery: 87, mood: 'fine' }));
    await cloud.send(TELEMETRY, telemetry({ thing: first, mark: [1, 4] }, [], { state_seq: 4, gas: false }));
    assert.deepEqual(await get(db(), '/telemetry'), { status: 200, body: { gas: true, battery: 87 } });
    await cloud.send(TELEMETRY, telemetry({ thing: second, mark: [1, 1] }, [], { state_seq: 1, fire: false }));
    await cloud.send('elderly_bot/backlog', telemetry({ thing: second, mark: [1, 2] }, [], { kind: 'backlog', state_seq: 2, fire: true }));
    await cloud.stop();
    assert.deepEqual(await get(db(), `/telemetry?thing=${second}`), { status: 200, body: { fire: false } });
    const theFirst = { status: 200, body: { gas: true, battery: 87 } };
    assert.deepEqual(await get(db(), '/telemetry'), theFirst, 'a second robot on the prefix changes nothing for the first');
    assert.deepEqual(await get(db(), '/telemetry', { defaultThing: first }), theFirst);
    assert.equal((await get(db(), '/telemetry?thing=nobody')).status, 404);
    assert.equal((await get(db(), '/telemetry?thing=a&thing=b')).status, 422);
    assert.equal((await get(db(), '/telemetry', { publicTelemetry: false })).status, 401);
  });

  test('telemetry fills the inherited tables on a change, and once an hour', async () => {
    const thing = newThing();
    let nowMs = 1_763_929_000_000;
    const cloud = new Instance(db(), { nowMs: () => nowMs });
    await db().script('truncate safety_monitor, system_health');
    let seq = 0;
    const publish = async (state: Record<string, unknown>, laterMs: number): Promise<void> => {
      nowMs += laterMs;
      seq++;
      await cloud.send(TELEMETRY, telemetry({ thing, mark: [1, seq] }, [], { state_seq: seq, ...state }));
    };
    await publish({ gas: false, fire: false, fall: false, stranger: false, battery: 90, temperature: 40.5 }, 0);
    await publish({ battery: 89 }, 10_000);
    await publish({ fall: true }, 10_000);
    await publish({ fall: false, stranger: 'someone at the door' }, 10_000);
    await publish({ battery: 88 }, 30_000);
    await publish({ temperature: 40.6 }, 3_600_000);
    await cloud.stop();
    const row = { gas: 'Normal', fire: 'None', fall: 'None', stranger: 'None' };
    assert.deepEqual(await db().query('select gas, fire, fall, stranger from safety_monitor order by id'), [
      row,
      { ...row, fall: 'Detected' },
      { ...row, stranger: 'someone at the door' },
      { ...row, stranger: 'someone at the door' },
    ]);
    assert.deepEqual(await db().query('select power, temperature from system_health order by id'), [
      { power: 90, temperature: 40.5 },
      { power: 88, temperature: 40.5 },
      { power: 88, temperature: 40.6 },
    ]);
  });

  test('a presence sets the session and the commands of the robot', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    const commands = [{ name: 'buzzer', args: { type: 'boolean' }, motion: false }];
    await cloud.send(
      'elderly_bot/presence',
      presence({ thing, mark: [4, 10] }, [], { session: 's4', version: '1.2.3', boot: 4, commands }),
    );
    await cloud.send('elderly_bot/presence', presence({ thing, mark: [3, 10] }, [], { session: 's3', online: false }));
    const read = 'select session, online, version, boot, commands, reason from robots where thing = $1';
    assert.deepEqual(await db().query(read, [thing]), [{ session: 's4', online: true, version: '1.2.3', boot: 4, commands, reason: null }]);
    await cloud.send(
      'elderly_bot/presence',
      presence({ thing, mark: [4, 10] }, [], { session: 's4', online: false, reason: 'stopped', commands: [] }),
    );
    await cloud.stop();
    assert.deepEqual(await db().query(read, [thing]), [
      { session: 's4', online: false, version: '1.2.3', boot: 4, commands, reason: 'stopped' },
    ]);
  });

  test('safety, health and telemetry keep no value of a channel that the robot no longer announces', async (t) => {
    const thing = newThing();
    const cloud = new Instance(db());
    t.after(() => cloud.stop());
    const api = await Api.open(db());
    t.after(() => api.close());
    const { token } = await api.register();
    const read = async (path: string) => {
      await cloud.fill();
      const { created_at: _, ...body } = (await api.ask('GET', `${path}?thing=${thing}`, { token })).body as Record<string, unknown>;
      return body;
    };
    const all = ['gas', 'fire', 'fall', 'stranger', 'battery', 'temperature', 'mood'];
    const announce = (boot: number, channels: string[] | undefined) =>
      cloud.send(
        'elderly_bot/presence',
        presence({ thing, mark: [boot, 10] }, [], { session: `s${boot}`, ...(channels === undefined ? {} : { channels }) }),
      );
    const state = { gas: true, fire: false, fall: false, stranger: false, battery: 90, temperature: 40.5, mood: 'fine', gas_silent: true };
    await announce(1, all);
    await cloud.send(TELEMETRY, telemetry({ thing, mark: [1, 20] }, [], { state_seq: 9, ...state }));
    assert.deepEqual(await read('/safety'), { gas: 'Detected', fire: 'None', fall: 'None', stranger: 'None' });
    assert.deepEqual(await read('/health'), { power: 90, temperature: 40.5 });

    await announce(2, ['fire', 'fall', 'stranger', 'temperature']);
    const none = { gas: 'Unknown', fire: 'None', fall: 'None', stranger: 'None' };
    assert.deepEqual(await read('/safety'), none);
    assert.deepEqual(await read('/health'), { power: 0, temperature: 40.5 });
    const telemetryNow = { gas: null, fire: false, fall: false, stranger: false, battery: null, temperature: 40.5 };
    assert.deepEqual(await read('/telemetry'), telemetryNow);
    const stored = await db().query<{ state: object }>('select state from robots where thing = $1', [thing]);
    assert.deepEqual(
      Object.keys(stored[0]?.state ?? {}).filter((name) => /^mood|_silent$/.test(name)),
      [],
    );

    // A message from before the change arrives late, and an old presence arrives again.
    await cloud.send(TELEMETRY, telemetry({ thing, mark: [1, 30] }, [], { state_seq: 10, ...state }));
    await announce(1, all);
    assert.deepEqual([await read('/safety'), await read('/telemetry')], [none, telemetryNow]);

    // A channel that a reload has added may arrive before the presence that announces it.
    await cloud.send(TELEMETRY, telemetry({ thing, outbox: 'box-2', mark: [2, 90] }, [], { state_seq: 1, gas: false }));
    assert.equal((await read('/safety')).gas, 'Normal');

    await announce(3, undefined);
    await cloud.send(TELEMETRY, telemetry({ thing, outbox: 'box-3', mark: [3, 20] }, [], { state_seq: 1, gas: true }));
    assert.equal((await read('/safety')).gas, 'Detected', 'an earlier program announces no channels');
  });

  test('only this machine, the allow-list and callers with the token may read health and metrics', async () => {
    assert.deepEqual(await get(db(), '/healthz'), {
      status: 200,
      body: {
        status: 'ok',
        database: 'ok',
        broker: 'subscribed',
        queue: { messages: 0, oldest_s: 0, stuck: [], quarantined: [] },
        faults: [],
      },
    });
    assert.equal((await get(db(), '/healthz', { health: { broker: () => 'connecting' } })).status, 503);
    assert.match(String((await get(db(), '/metrics')).body), /^elderly_bot_cloud_subscribed 1$/m);
    const monitorAccess = { trustProxy: [], isProxied: false, monitorAllow: ['192.0.2.0/24', '2001:db8::1'], monitorToken: 'a token' };
    for (const path of ['/healthz', '/metrics']) {
      const status = async (over: object, ask: Ask = {}) =>
        (await get(db(), path, { monitorAccess: { ...monitorAccess, ...over } }, ask)).status;
      for (const remoteAddress of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1', '::1'])
        assert.equal(await status({}, { remoteAddress }), 200);
      assert.equal(await status({}, { remoteAddress: '192.0.3.7' }), 403);
      assert.equal(await status({}, { remoteAddress: '192.0.3.7', token: 'a token' }), 200);
      assert.equal(await status({}, { remoteAddress: '192.0.3.7', token: 'another' }), 403);
    }
  });

  test('a proxy opens health and metrics only to the listed callers that it names', async () => {
    const named = (address: string): Ask => ({ headers: { 'x-forwarded-for': address } });
    const read = async (over: object, ask: Ask = {}) => {
      const monitorAccess = { trustProxy: [], isProxied: true, monitorAllow: ['192.0.2.0/24'], monitorToken: 'a token', ...over };
      return (await get(db(), '/metrics', { monitorAccess }, ask)).status;
    };
    const nginx = { trustProxy: ['127.0.0.1'] };
    assert.equal(await read(nginx, named('192.0.2.9')), 200);
    assert.equal(await read(nginx, named('192.0.2.8, 192.0.3.9')), 403, 'the proxy adds the last address');
    assert.equal(await read(nginx, named('127.0.0.1')), 403);
    assert.equal(await read({}, named('192.0.2.9')), 403, 'the proxy is not trusted');
    // The proxy names no caller, so it may speak for anybody.
    for (const over of [nginx, {}]) assert.deepEqual([await read(over), await read(over, { token: 'a token' })], [403, 200]);
    const balancer = { trustProxy: ['10.0.0.0/16'], monitorAllow: ['10.0.0.0/8'] };
    assert.equal(await read(balancer, { remoteAddress: '10.0.1.2' }), 403);
    assert.equal(await read(balancer, { remoteAddress: '10.1.1.2' }), 200);
    // Without any setting, only the traces of a proxy show that there is one.
    for (const headers of [
      { host: 'cloud.example.org' },
      { via: '1.1 proxy' },
      { 'x-real-ip': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
    ]) {
      assert.equal(await read({ isProxied: false }, { headers }), 403, JSON.stringify(headers));
    }
    assert.equal(await read({ isProxied: false }, { headers: { host: '127.0.0.1:8080' } }), 200);
  });

  test('every error response has a detail', async () => {
    assert.deepEqual(await get(db(), '/nothing?x=1'), { status: 404, body: { detail: 'there is no route GET /nothing' } });
    assert.deepEqual(await get(db(), '/%'), { status: 400, body: { detail: "'/%' is not a valid url component" } });
  });
});

async function get(db: Database, url: string, options: ApiOptions = {}, from: Ask = {}): Promise<{ status: number; body: unknown }> {
  const api = await Api.open(db, options);
  const { status, body } = await api.ask('GET', url, from);
  await api.close();
  return { status, body };
}
