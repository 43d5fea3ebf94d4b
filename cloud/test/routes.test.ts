// The seven inherited routes as existing apps use them. Registration alone gives access to nothing else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import { revoke } from '../src/auth/members.ts';
import { Api, newPhone, SECRET_KEY } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { newThing, telemetry } from './support/robot.ts';

interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { operationId?: string; tags?: string[]; security?: unknown[] }>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

onEachDatabase('the routes', (db) => {
  let api: Api;

  before(async () => {
    api = await Api.open(db());
  });

  after(() => api.close());

  const register = (phone: string, password: string, remoteAddress: string) =>
    api.ask('POST', '/auth/register', { body: { phone, password }, remoteAddress });

  test('a whole temperature has a decimal point, as a column of type float has in JSON', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [], { state_seq: 1, temperature: -40, battery: 90 }));
    await cloud.stop();
    const headers = { authorization: `Bearer ${(await api.register()).token}` };
    const text = async (method: 'GET' | 'POST', url: string, payload?: object) =>
      (await api.app.inject({ method, url, headers, ...(payload && { payload }) })).body;
    assert.equal(await text('GET', `/telemetry?thing=${thing}`), '{"battery":90,"temperature":-40.0}');
    assert.match(await text('GET', `/health?thing=${thing}`), /^{"power":90,"temperature":-40.0,/);
    const reported = await text('POST', `/health?thing=${thing}`, { power: 7, temperature: 21 });
    assert.equal(reported, '{"status":"updated","power":7,"temperature":21.0}');
    await text('POST', `/health?thing=${thing}`, { power: 7, temperature: 21.25 });
    assert.match(await text('GET', `/health?thing=${thing}`), /^{"power":7,"temperature":21.25,/);
  });

  test('a client of the inherited routes registers, logs in, reports and reads', async () => {
    const phone = newPhone();
    const registered = await register(phone, 'secret', '10.9.0.1');
    assert.equal(registered.status, 200);
    const { message, access_token: first, token_type: type } = registered.body as Record<string, string>;
    assert.deepEqual([typeof message, typeof first, type], ['string', 'string', 'bearer']);
    const login = await api.ask('POST', '/auth/login', { body: { phone, password: 'secret' }, remoteAddress: '10.9.0.1' });
    const { access_token: token = '', ...rest } = login.body as Record<string, string>;
    assert.deepEqual(rest, { token_type: 'bearer' });

    const power = await api.ask('POST', '/health', { token, body: { power: 87, temperature: 36.5 } });
    assert.deepEqual([power.status, power.body], [200, { status: 'updated', power: 87, temperature: 36.5 }]);
    const { created_at: healthAt, ...health } = (await api.ask('GET', '/health', { token })).body as Record<string, unknown>;
    assert.deepEqual(health, { power: 87, temperature: 36.5 });
    assert.match(String(healthAt), /^\d{4}-\d\d-\d\dT.*Z$/);

    const safe = await api.ask('POST', '/safety', { token, body: { fall: 'Detected' } });
    assert.deepEqual(safe.body, { status: 'updated', gas: 'Normal', fire: 'None', fall: 'Detected', stranger: 'None' });
    const { created_at: _, ...safety } = (await api.ask('GET', '/safety', { token })).body as Record<string, unknown>;
    assert.deepEqual(safety, { gas: 'Normal', fire: 'None', fall: 'Detected', stranger: 'None' });
    assert.equal((await api.ask('GET', '/telemetry')).status, 200);
  });

  test('?thing= selects one robot; a report without a robot counts for requests without a robot', async () => {
    const { token } = await api.register();
    const [one, two] = [newThing(), newThing()];
    const cloud = new Instance(db(), { patterns: ['fleet/+'] });
    for (const [thing, battery] of [
      [one, 41],
      [two, 42],
    ] as const) {
      const state = { state_seq: 1, gas: false, fall: true, battery, temperature: 30 };
      await cloud.send(`fleet/${thing}/telemetry`, telemetry({ thing }, [], state));
    }
    await cloud.stop();
    const power = async (query: string): Promise<unknown> =>
      ((await api.ask('GET', `/health${query}`, { token })).body as { power: number }).power;
    assert.deepEqual([await power(`?thing=${one}`), await power(`?thing=${two}`)], [41, 42]);
    const safety = (await api.ask('GET', `/safety?thing=${one}`, { token })).body as Record<string, string>;
    assert.deepEqual([safety.gas, safety.fall, safety.fire], ['Normal', 'Detected', 'Unknown']);
    await api.ask('POST', '/health', { token, body: { power: 7, temperature: 20 } });
    await api.ask('POST', `/health?thing=${one}`, { token, body: { power: 9, temperature: 20 } });
    await api.ask('POST', `/safety?thing=${one}`, { token, body: { gas: 'leak' } });
    assert.deepEqual([await power(`?thing=${one}`), await power(`?thing=${two}`)], [9, 42]);
    for (const path of ['/health', '/safety']) {
      const { status, body } = await api.ask('GET', path, { token });
      assert.equal(status, 422, 'it might be another family’s robot');
      assert.match((body as { detail: string }).detail, /several robots/);
    }
    const withDefault = await Api.open(db(), { defaultThing: two });
    assert.equal(((await withDefault.ask('GET', '/health', { token })).body as { power: number }).power, 7);
    await withDefault.close();
    assert.equal(((await api.ask('GET', `/safety?thing=${one}`, { token })).body as { gas: string }).gas, 'leak');
    for (const method of ['GET', 'POST'] as const) {
      const body = method === 'POST' ? { power: 1, temperature: 1 } : undefined;
      assert.equal((await api.ask(method, '/health?thing=nobody-here', { token, body })).status, 404);
    }
  });

  test('a row that another program left incomplete is answered as far as it is known', async () => {
    const { token } = await api.register();
    const thing = newThing();
    const cloud = new Instance(db(), { patterns: ['fleet/+'] });
    await cloud.send(`fleet/${thing}/telemetry`, telemetry({ thing }, []));
    await cloud.stop();
    await db().script(
      'alter table safety_monitor alter column gas drop not null; alter table system_health alter column power drop not null',
    );
    for (const [table, columns, values] of [
      ['safety_monitor', 'fire, fall, stranger, created_at', "'None', 'Detected', 'None', null"],
      ['system_health', 'temperature, created_at', '36.5, null'],
    ]) {
      await db().query(
        `with added as (insert into ${table} (${columns}) values (${values}) returning id) insert into ${table}_of select id, $1 from added`,
        [thing],
      );
    }
    const [safety, health] = [
      await api.ask('GET', `/safety?thing=${thing}`, { token }),
      await api.ask('GET', `/health?thing=${thing}`, { token }),
    ];
    assert.deepEqual(safety.body, { gas: 'Unknown', fire: 'None', fall: 'Detected', stranger: 'None' });
    assert.deepEqual(health.body, { power: 0, temperature: 36.5 });
  });

  test('an error has the right status, and its detail names the field', async () => {
    const { token, phone } = await api.register();
    assert.equal((await register(phone, 'secret', '10.9.0.2')).status, 400);
    const short = await register('123', 'secret', '10.9.0.2');
    assert.equal(short.status, 422);
    assert.match((short.body as { detail: string }).detail, /phone/);
    const long = await register(newPhone(), 'ä'.repeat(40), '10.9.0.2');
    assert.equal(long.status, 422);
    assert.match((long.body as { detail: string }).detail, /password.*72 bytes/);
    const hot = await api.ask('POST', '/health', { token, body: { power: 101, temperature: 20 } });
    assert.equal(hot.status, 422);
    assert.match((hot.body as { detail: string }).detail, /power/);
    assert.equal((await api.ask('DELETE', '/health', { token })).status, 405);
    assert.equal((await api.ask('GET', '/nowhere')).status, 404);
    const big = await api.ask('POST', '/safety', { token, body: { gas: 'x'.repeat(70_000) } });
    assert.equal(big.status, 413);
  });

  test('unknown fields are ignored, whatever their names', async () => {
    const { token } = await api.register();
    const payload = '{"power": 50, "__proto__": {"power": 1}, "constructor": {"prototype": {}}, "temperature": 20, "more": [1]}';
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const { statusCode, body } = await api.app.inject({ method: 'POST', url: '/health', headers, payload });
    assert.deepEqual([statusCode, JSON.parse(body)], [200, { status: 'updated', power: 50, temperature: 20 }]);
  });

  test('an unknown phone and a wrong password get the same answer', async () => {
    const { phone } = await api.register();
    const wrong = await api.ask('POST', '/auth/login', { body: { phone, password: 'something else' }, remoteAddress: '10.9.0.3' });
    const unknown = await api.ask('POST', '/auth/login', {
      body: { phone: newPhone(), password: 'something else' },
      remoteAddress: '10.9.0.3',
    });
    assert.deepEqual([wrong.status, wrong.body], [401, { detail: 'phone or password is wrong' }]);
    assert.deepEqual([unknown.status, unknown.body], [wrong.status, wrong.body]);
  });

  test('only a complete, current token of this cloud gives access', async () => {
    const key = new TextEncoder().encode(SECRET_KEY);
    const nowS = Math.floor(Date.now() / 1_000);
    const signed = (alg: string, claims: Record<string, unknown>, secret = key) =>
      new SignJWT(claims).setProtectedHeader({ alg }).sign(secret);
    const tokens = {
      'no token': null,
      'alg none': new UnsecuredJWT({ sub: '1', iat: nowS, exp: nowS + 60 }).encode(),
      'another algorithm': await signed('HS512', { sub: '1', iat: nowS, exp: nowS + 60 }, new TextEncoder().encode(SECRET_KEY.repeat(2))),
      'another key': await signed('HS256', { sub: '1', iat: nowS, exp: nowS + 60 }, new TextEncoder().encode('x'.repeat(40))),
      expired: await signed('HS256', { sub: '1', iat: nowS - 700_000, exp: nowS - 1 }),
      'without an expiry time': await signed('HS256', { sub: '1', iat: nowS }),
      'of an unknown user': await signed('HS256', { sub: '999999999', iat: nowS, exp: nowS + 60 }),
      garbage: 'a.b.c',
    };
    for (const [name, token] of Object.entries(tokens)) {
      const { status, body } = await api.ask('GET', '/health', { token });
      assert.equal(status, 401, name);
      assert.equal(typeof (body as { detail: unknown }).detail, 'string', name);
    }
  });

  test('a registered stranger sees no robot; a member sees the robot until the membership is revoked', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/telemetry', telemetry({ thing }, [[1, 1_763_929_000_001, 'fall', true, { alert: 'raised' }]]));
    await cloud.stop();
    const [stranger, member] = [await api.register(), await api.register(thing)];
    for (const url of [`/robots/${thing}/accounting`, `/alerts?thing=${thing}`]) {
      assert.equal((await api.ask('GET', url)).status, 401, url);
      assert.equal((await api.ask('GET', url, { token: stranger.token })).status, 403, url);
      assert.equal((await api.ask('GET', url, { token: member.token })).status, 200, url);
    }
    const listed = await api.ask('GET', '/alerts', { token: member.token });
    const [alert] = (listed.body as { alerts: { id: number; state: string }[] }).alerts;
    assert.equal(alert?.state, 'committed');
    const acknowledge = `/alerts/${alert?.id}/acknowledge`;
    assert.equal((await api.ask('POST', acknowledge, { token: stranger.token })).status, 404);
    const taken = await api.ask('POST', acknowledge, { token: member.token });
    assert.deepEqual([taken.status, (taken.body as { state: string }).state], [200, 'acknowledged']);
    assert.ok(await revoke(db(), member.phone, thing));
    assert.equal((await api.ask('GET', `/alerts?thing=${thing}`, { token: member.token })).status, 403);
  });

  test('the OpenAPI document lists every route for users, and answers have the security headers', async () => {
    const { status, body, headers } = await api.ask('GET', '/openapi.json');
    assert.equal(status, 200);
    const { openapi, paths, components } = body as OpenApi;
    assert.match(openapi, /^3\.1/);
    for (const path of ['/auth/register', '/auth/login', '/health', '/safety', '/telemetry', '/alerts']) assert.ok(paths[path], path);
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    for (const { operationId, tags, security } of operations) assert.ok(operationId && tags?.length === 1 && security, operationId);
    assert.deepEqual(
      operations.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId),
      ['register', 'login', 'readTelemetry', 'readHealthz'],
    );
    const names = [...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(names)].sort(), Object.keys(components.schemas).sort());
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal((await api.ask('GET', '/docs')).status, 200);
    assert.equal((await api.ask('GET', '/metrics', { remoteAddress: '203.0.113.7' })).status, 403);
    assert.equal((await api.ask('GET', '/metrics', { remoteAddress: '127.0.0.1' })).status, 200);
  });
});
