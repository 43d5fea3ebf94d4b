import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { command as commandSchema } from '../../src/wire/index.ts';
import { RATE_LIMITS } from '../src/auth/limits.ts';
import { argumentProblem, Commands } from '../src/commands/commands.ts';
import type { Database } from '../src/database/index.ts';
import { Api } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { event, newThing, presence } from './support/robot.ts';

const DRIVE = {
  type: 'object',
  properties: {
    speed: { type: 'number', minimum: 0, maximum: 0.5 },
    steps: { type: 'integer' },
    to: { type: 'string', enum: ['kitchen', 'bed'], maxLength: 20 },
  },
  required: ['speed'],
  additionalProperties: false,
};
const BUZZER = { type: 'object', properties: { value: { type: 'boolean' } }, required: ['value'], additionalProperties: false };
const ANNOUNCED = [
  { name: 'buzzer', args: BUZZER, motion: false },
  { name: 'drive', args: DRIVE, motion: true },
  { name: 'stop', args: {}, motion: false },
  { name: 'door', args: BUZZER, motion: false, signed: 'required' as const },
];

test('arguments are checked against the announced schema, and the problem names the argument', () => {
  assert.equal(argumentProblem(DRIVE, { speed: 0.5, to: 'bed', steps: 3 }), null);
  for (const [given, wrong] of [
    [{}, /^speed: .*missing/],
    [{ speed: '1' }, /^speed: expected number/],
    [{ speed: 0.6 }, /^speed: expected at most 0.5/],
    [{ speed: -1 }, /^speed: expected at least 0/],
    [{ speed: 0.1, steps: 1.5 }, /^steps: expected integer/],
    [{ speed: 0.1, to: 'cellar' }, /^to: expected one of kitchen, bed/],
    [{ speed: 0.1, wheel: 1 }, /^wheel: .*no such argument/],
    [{ speed: 0.1, constructor: 'x' }, /^constructor: .*no such argument/],
  ] as const) {
    assert.match(String(argumentProblem(DRIVE, given)), wrong);
  }
  const text = { properties: { text: { type: 'string', maxLength: 3, pattern: '(a+)+$' } } };
  assert.match(String(argumentProblem(text, { text: 'long' })), /at most 3/);
  assert.equal(argumentProblem(text, { text: '!' }), null, 'the robot itself checks patterns');
  for (const unknown of [undefined, null, 'x', [], { properties: 1, required: {} }, { properties: { value: { type: 'colour' } } }]) {
    assert.equal(argumentProblem(unknown, { value: 'red' }), null);
  }
});

onEachDatabase('commands', (db, another) => {
  let api: Api;
  let isBrokerOnline = true;
  let nowMs = Date.UTC(2026, 10, 25);
  const published: { readonly topic: string; readonly payload: string }[] = [];

  let isFull = false;

  before(async () => {
    const query: Database['query'] = (text, params) =>
      isFull && text.startsWith('update commands') ? Promise.reject(new Error('the disk is full')) : db().query(text, params);
    const commands = new Commands({
      db: { ...db(), query },
      log: pino({ level: 'silent' }),
      nowMs: () => nowMs,
      publish: async (topic, payload) => {
        if (!isBrokerOnline) throw new Error('not connected to the broker');
        published.push({ topic, payload });
      },
    });
    api = await Api.open(db(), { commands });
  });
  after(() => api.close());

  const robot = async (): Promise<string> => {
    const thing = newThing();
    const cloud = new Instance(db(), { patterns: ['fleet/+'] });
    await cloud.send(`fleet/${thing}/presence`, presence({ thing }, [], { commands: ANNOUNCED }));
    await cloud.stop();
    return thing;
  };
  const read = async (id: string, token: string): Promise<Record<string, unknown>> =>
    (await api.ask('GET', `/commands/${id}`, { token })).body as Record<string, unknown>;

  test('a command is published on the robot’s topic, and any instance may receive its result', async () => {
    const thing = await robot();
    const { token } = await api.register(thing);
    const given = await api.ask('POST', '/commands', { token, body: { command: 'buzzer', value: true, ttl_s: 20 } });
    assert.equal(given.status, 202);
    const { id, online } = given.body as { id: string; online: boolean };
    assert.equal(online, true);
    const { topic, payload } = published.at(-1) ?? { topic: '', payload: '{}' };
    assert.equal(topic, `fleet/${thing}/commands`);
    assert.deepEqual(commandSchema.parse(JSON.parse(payload)), {
      id,
      thing,
      command: 'buzzer',
      args: { value: true },
      issued_at: nowMs,
      expires_at: nowMs + 20_000,
    });
    assert.deepEqual([(await read(id, token)).status, (await read(id, token)).result], ['pending', null]);
    const instance = new Instance(another(), { patterns: ['fleet/+'] });
    const result = event({ thing }, 1, { kind: 'result', id, command: 'buzzer', status: 'done', applied: { data: true } });
    await instance.send(`fleet/${thing}/results`, result);
    await instance.send(`fleet/${thing}/results`, result);
    const foreign = newThing();
    await instance.send(`fleet/${foreign}/results`, event({ thing: foreign }, 1, { kind: 'result', id, status: 'failed' }));
    await instance.stop();
    const { status, result: stored, args } = await read(id, token);
    assert.deepEqual([status, args], ['done', { value: true }]);
    assert.deepEqual(stored, { status: 'done', reason: null, detail: null, applied: { data: true }, at: 1_763_929_999_000 });
  });

  test('a command that the robot did not announce is answered with 422 and the field, and is not published', async () => {
    const thing = await robot();
    const { token } = await api.register(thing);
    const before = published.length;
    for (const [body, wrong] of [
      [{ command: 'dance' }, /^command: .*it accepts buzzer, drive, stop, door/],
      [{ command: 'buzzer' }, /^value: .*missing/],
      [{ command: 'buzzer', value: 'yes' }, /^value: expected boolean/],
      [{ command: 'drive', args: { speed: 9 } }, /^args\.speed: expected at most/],
      [{ command: 'drive', args: { speed: 0.1 }, value: 1 }, /^args: give either/],
      [{ command: 'drive', args: { speed: [0.1] } }, /^args\.speed/],
      [{ command: 'stop', ttl_s: 0 }, /^ttl_s/],
      [{ command: 'stop', thing: '#' }, /^thing/],
      [{}, /^command/],
    ] as const) {
      const answer = await api.ask('POST', '/commands', { token, body });
      assert.equal(answer.status, 422, JSON.stringify(body));
      assert.match((answer.body as { detail: string }).detail, wrong);
    }
    assert.equal(published.length, before);
  });

  test('a signed command reaches the robot exactly as the device signed it, and the signature is not stored', async () => {
    const thing = await robot();
    const { token } = await api.register(thing);
    const fields = { command: 'door', args: { value: true }, issued_at: nowMs - 1_000, expires_at: nowMs + 4_000 };
    const assertion = { id: 'credential', response: { authenticatorData: 'AA', clientDataJSON: 'AA', signature: 'AA' }, more: [1] };
    for (const sig of ['eyJhbGciOiJFUzI1NiJ9..c2ln', assertion]) {
      const id = `phone-${published.length}`;
      const given = await api.ask('POST', '/commands', { token, body: { ...fields, id, sig } });
      assert.deepEqual([given.status, (given.body as { id: string }).id], [202, id]);
      assert.deepEqual(JSON.parse(published.at(-1)?.payload ?? ''), { thing, ...fields, id, sig });
      const again = await api.ask('POST', '/commands', { token, body: { ...fields, id, sig } });
      assert.deepEqual([again.status, (again.body as { detail: string }).detail.slice(0, 4)], [409, 'id: ']);
      const stored = await db().query<{ row: string }>('select commands::text as row from commands where id = $1', [id]);
      assert.ok(stored.length === 1 && !JSON.stringify(stored).includes('c2ln') && !JSON.stringify(stored).includes('credential'));
    }
  });

  test('a command that must be signed is refused before it is sent if the signature or its fields are missing or stale', async () => {
    const thing = await robot();
    const { token } = await api.register(thing);
    const before = published.length;
    const good = { command: 'door', value: true, id: 'x', issued_at: nowMs, expires_at: nowMs + 4_000, sig: 'x' };
    const { sig: _, ...unsigned } = good;
    for (const [body, wrong] of [
      [{ command: 'door', value: true }, /^sig: .* only with the signature of a device that is paired with it/],
      [unsigned, /^sig: a signed command has all of/],
      [{ ...good, id: undefined }, /^sig: a signed command has all of/],
      [{ ...good, id: '../x' }, /^id/],
      [{ ...good, sig: 'x'.repeat(6_001) }, /^sig/],
      [{ ...good, sig: 7 }, /^sig/],
      [{ ...good, issued_at: nowMs - 9_000, expires_at: nowMs - 3_000 }, /^expires_at: it was 3000 ms ago/],
      [{ ...good, issued_at: nowMs + 61_000, expires_at: nowMs + 62_000 }, /^issued_at: it is 61000 ms ahead/],
    ] as const) {
      const answer = await api.ask('POST', '/commands', { token, body });
      assert.equal(answer.status, 422, JSON.stringify(body));
      assert.match((answer.body as { detail: string }).detail, wrong);
    }
    assert.equal(published.length, before);
  });

  test('only members of the robot may send a command or read its status', async () => {
    const thing = await robot();
    const [member, stranger] = [await api.register(thing), await api.register()];
    const body = { thing, command: 'stop' };
    assert.equal((await api.ask('POST', '/commands', { body })).status, 401);
    assert.equal((await api.ask('POST', '/commands', { body, token: stranger.token })).status, 403);
    const given = await api.ask('POST', '/commands', { body, token: member.token });
    const { id } = given.body as { id: string };
    assert.equal((await api.ask('GET', `/commands/${id}`, { token: stranger.token })).status, 404);
    assert.equal((await api.ask('GET', '/commands/no-such-one', { token: member.token })).status, 404);
    assert.equal((await api.ask('GET', `/commands/${id}`, { token: member.token })).status, 200);
  });

  test('a command fails with 409 for an unknown robot, and with 503 and not_sent if the broker is offline', async () => {
    const unheard = newThing();
    const member = await api.register(unheard);
    assert.equal((await api.ask('POST', '/commands', { token: member.token, body: { command: 'stop' } })).status, 409);
    const { token } = await api.register(await robot());
    const sent = (await api.ask('POST', '/commands', { token, body: { command: 'stop' } })).body as { id: string };
    isBrokerOnline = false;
    const refused = await api.ask('POST', '/commands', { token, body: { command: 'stop' } });
    isBrokerOnline = true;
    assert.equal(refused.status, 503);
    const id = /^command (\S+): not connected/.exec((refused.body as { detail: string }).detail)?.[1] ?? '';
    nowMs += 60_000;
    assert.deepEqual([(await read(id, token)).status, (await read(sent.id, token)).status], ['not_sent', 'unanswered']);
  });

  test('a command that exceeds the size limit is refused with 413', async () => {
    const thing = newThing();
    const cloud = new Instance(db());
    await cloud.send('elderly_bot/presence', presence({ thing }, [], { commands: [{ name: 'say', args: {}, motion: false }] }));
    await cloud.stop();
    const { token } = await api.register(thing);
    const answer = await api.ask('POST', '/commands', { token, body: { command: 'say', args: { text: 'ä'.repeat(5_000) } } });
    assert.equal(answer.status, 413);
  });

  test('a command with an Idempotency-Key is sent once, however often and at once it is asked for', async () => {
    const { token } = await api.register(await robot());
    const before = published.length;
    const ask = (body: object, key: string) => api.ask('POST', '/commands', { token, body, headers: { 'idempotency-key': key } });
    const again = () => ask({ command: 'buzzer', value: true }, 'key-1');
    const answers = [...(await Promise.all(Array.from({ length: 8 }, again))), await again()];
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
    assert.equal(new Set(answers.map(({ body }) => (body as { id: string }).id)).size, 1);
    assert.equal(published.length, before + 1);
    for (const body of [{ command: 'buzzer', value: false }, { command: 'stop' }, { command: 'buzzer', value: true, ttl_s: 31 }]) {
      const other = await ask(body, 'key-1');
      assert.equal(other.status, 422);
      assert.match((other.body as { detail: string }).detail, /^Idempotency-Key: it names another command/);
    }
    assert.equal((await ask({ command: 'stop' }, 'two words')).status, 422);
    assert.equal(published.length, before + 1);
    const stranger = await api.register(await robot());
    const own = { token: stranger.token, body: { command: 'buzzer', value: true }, headers: { 'idempotency-key': 'key-1' } };
    assert.equal((await api.ask('POST', '/commands', own)).status, 202);
    assert.equal(published.length, before + 2, 'the key of another user names another command');
  });

  test('a command that was sent is answered with its id, even if the database cannot record that', async () => {
    const { token } = await api.register(await robot());
    const before = published.length;
    const again = () => api.ask('POST', '/commands', { token, body: { command: 'stop' }, headers: { 'idempotency-key': 'full' } });
    isFull = true;
    const first = await again();
    isFull = false;
    assert.deepEqual([first.status, (await again()).status], [202, 202]);
    assert.equal((JSON.parse(published.at(-1)?.payload ?? '{}') as { id: unknown }).id, (first.body as { id: string }).id);
    assert.equal(published.length, before + 1);
  });

  test('a command that the broker may have received is not sent again under the same key', async () => {
    const { token } = await api.register(await robot());
    const before = published.length;
    const again = () => api.ask('POST', '/commands', { token, body: { command: 'stop' }, headers: { 'idempotency-key': 'offline' } });
    isBrokerOnline = false;
    const first = await again();
    isBrokerOnline = true;
    const second = await again();
    assert.deepEqual([first.status, second.status], [503, 202]);
    assert.ok((first.body as { detail: string }).detail.includes((second.body as { id: string }).id));
    assert.equal(published.length, before);
  });

  test('commands are limited per user and robot; stop has a limit of its own', async () => {
    const thing = await robot();
    const limits = { ...RATE_LIMITS, command: { windowS: 3_600, perUser: 2, perRobot: 3 } };
    const strict = await Api.open(db(), { limits });
    const [ann, bob] = [await strict.register(thing), await strict.register(thing)];
    const give = (token: string, command: string) =>
      strict.ask('POST', '/commands', { token, body: { command, ...(command === 'buzzer' && { value: true }) } });
    const given = [];
    for (const { token } of [ann, ann, ann, bob, bob]) given.push(await give(token, 'buzzer'));
    assert.deepEqual(
      given.map(({ status }) => status),
      [202, 202, 429, 202, 429],
    );
    assert.ok(Number(given.at(-1)?.headers['retry-after']) > 0);
    assert.equal((await give(ann.token, 'stop')).status, 202);
    await strict.close();
  });

  test('a repeat of a command that was sent is no further command for the limits', async () => {
    const thing = await robot();
    const strict = await Api.open(db(), { limits: { ...RATE_LIMITS, command: { windowS: 3_600, perUser: 1, perRobot: 9 } } });
    const { token } = await strict.register(thing);
    const give = (key: string) =>
      strict.ask('POST', '/commands', { token, body: { command: 'buzzer', value: true }, headers: { 'idempotency-key': key } });
    const [first, repeat, next] = [await give('a'), await give('a'), await give('b')];
    assert.deepEqual([first.status, repeat.status, next.status], [202, 202, 429]);
    assert.deepEqual((repeat.body as { id: string }).id, (first.body as { id: string }).id);
    await strict.close();
  });
});
