// examples/robot.py, which was written from docs/reference/ only, against Mosquitto with mutual TLS and the cloud on PostgreSQL. The robot
// is killed in the middle, the cloud misses a message, and the cloud gets rows that it cannot read.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import pg from 'pg';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { AsyncApi } from '../support/asyncapi.ts';
import { Bench, THING } from '../support/bench.ts';
import { Caller } from '../support/caller.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { pahoUnavailable, pythonWithPaho } from '../support/python.ts';
import { Tap } from '../support/tap.ts';
import { eventually, until } from '../support/until.ts';

const READINGS = 300;
const KILLED_AFTER = 150;
const INCIDENT = 'fall-of-a-test';

/** The robot's waits for receipts in seconds. The defaults are 90 s, 300 s and 60 s. */
const SHORT_WAITS = { confirm: 0.2, repeat: 0.3, resend: 0.1 };
const SHORTEST_WAITS = { confirm: 0.05, repeat: 0.1, resend: 0.01 };

/** docs/reference/protocol.md, Rules for the robot. */
const MAX_TRIES = 10;

const skip = pahoUnavailable() || mosquittoUnavailable() || postgresUnavailable();

interface Account {
  readonly outbox: string;
  readonly accepted: number;
  readonly committed: number;
  readonly evicted: number;
  readonly outstanding: number;
}

describe('examples/robot.py', { skip, timeout: 300_000 }, () => {
  let postgres: Postgres;
  let bench: Bench;
  let cloud: Program;
  let tap: Tap;
  let database: pg.Client;
  let origin = '';
  let token = '';
  let robot: Program;

  const ask = async <T>(path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${origin}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, `${path} answered ${answer.status}`);
    return (await answer.json()) as T;
  };

  const startCloud = async (): Promise<void> => {
    cloud = await bench.cloud({ url: postgres.url });
    origin = String((await cloud.event('cloud_ready')).url);
  };

  const startRobot = (waits: Readonly<Record<string, number>> = {}): Program => {
    const { ca, robot: client } = bench.files;
    const { command, env } = pythonWithPaho();
    const files = { ca, cert: client.cert, key: client.key, state: join(bench.folder, 'python') };
    const options = { port: bench.broker.port, ...files, interval: 0.2, ...waits };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    return new Program('robot.py', command, [`${ROOT}examples/robot.py`, ...args], env);
  };

  const say = (reading: Readonly<Record<string, unknown>>): void => robot.order(JSON.stringify(reading));

  const readingsInDatabase = async (): Promise<number[]> => {
    const { rows } = await database.query<{ value: number }>(
      `select value from readings where channel = 'temperature' order by outbox, seq`,
    );
    return rows.map(({ value }) => value);
  };

  /** Ends the input of the robot. The robot ends by itself when each row is covered. */
  const finishRobot = async (): Promise<void> => {
    robot.endOrders();
    assert.equal(await robot.exited, 0, robot.stderr);
  };

  const accounts = async (): Promise<Account[]> => (await ask<{ outboxes: Account[] }>(`/robots/${THING}/accounting`)).outboxes;

  /** Adds a row to the latest outbox in the robot's file, as a fault would. Its message names no valid outbox. @returns the real outbox. */
  const addUnreadableRow = (): string => {
    const file = new Sqlite(join(bench.folder, 'python', 'robot.db'));
    const { id, accepted } = file.prepare('select id, accepted from outboxes order by rowid desc').get() as {
      id: string;
      accepted: number;
    };
    file.prepare('update outboxes set accepted = ? where id = ?').run(accepted + 1, id);
    const body = JSON.stringify({ kind: 'note', outbox: '!' });
    file.prepare("insert into rows (outbox, seq, at, kind, body) values (?, ?, 0, 'event', ?)").run(id, accepted + 1, body);
    file.close();
    return id;
  };

  const timesPublished = (text: string): number =>
    tap.messages.filter(({ channel, payload }) => channel === 'telemetry' && payload.includes(text)).length;

  before(async () => {
    postgres = await Postgres.start();
    bench = await Bench.start();
    mkdirSync(join(bench.folder, 'python'));
    await startCloud();
    tap = await Tap.start(bench);
    database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    token = (await ask<{ access_token: string }>('/auth/register', { phone: '+390612345678', password: 'correct horse' })).access_token;
    await database.query('insert into members (thing, user_id) select $1, id from users', [THING]);
    robot = startRobot();
  });

  after(async () => {
    await robot?.stop();
    await database?.end();
    await tap?.stop();
    await bench?.stop();
    await postgres?.stop();
  });

  it('executes a member’s command and answers it', async () => {
    await eventually(
      () => ask<{ robots: { online: boolean; commands: unknown[] }[] }>('/robots'),
      ({ robots }) => robots[0]?.online === true && robots[0].commands.length === 1,
      'the robot is online',
    );
    const { id } = await ask<{ id: string }>('/commands', { thing: THING, command: 'buzzer', value: true });
    const { result } = await eventually(
      () => ask<{ status: string; result: { applied: unknown } | null }>(`/commands/${id}`),
      ({ status }) => status === 'done',
      'the command is done',
    );
    assert.deepEqual(result?.applied, { value: true });
    assert.deepEqual(
      robot.lines.map(({ text }) => text),
      ['buzzer on'],
    );
  });

  it('delivers each reading once although it is killed, and learns that from the receipts', async () => {
    for (let i = 0; i < KILLED_AFTER; i++) say({ channel: 'temperature', value: i });
    // Waits until the robot has stored all of them, because a killed robot keeps only stored readings.
    await eventually(readingsInDatabase, (values) => values.length === KILLED_AFTER, 'the first readings are in the database');
    await robot.kill();
    robot = startRobot();
    for (let i = KILLED_AFTER; i < READINGS; i++) say({ channel: 'temperature', value: i });
    say({ channel: 'fall', value: true, alert: 'raised', incident: INCIDENT });
    say({ channel: 'fall', value: false, alert: 'cleared', incident: INCIDENT });
    await finishRobot();
    const values = (await readingsInDatabase()).sort((a, b) => a - b);
    assert.deepEqual(
      values,
      Array.from({ length: READINGS }, (_, i) => i),
    );
    const outboxes = await accounts();
    assert.equal(outboxes.length, 2);
    const sum = (key: Exclude<keyof Account, 'outbox'>) => outboxes.reduce((total, account) => total + account[key], 0);
    const rows = READINGS + 3;
    assert.deepEqual(
      { accepted: sum('accepted'), committed: sum('committed'), evicted: sum('evicted'), outstanding: sum('outstanding') },
      { accepted: rows, committed: rows, evicted: 0, outstanding: 0 },
    );
  });

  it('shows its alert, its state and its last presence in the cloud', async () => {
    const { alerts } = await ask<{ alerts: { incident: string; state: string; value: unknown }[] }>('/alerts');
    assert.deepEqual(
      alerts.map(({ incident, state, value }) => ({ incident, state, value })),
      [{ incident: INCIDENT, state: 'resolved', value: true }],
    );
    assert.deepEqual(await ask('/telemetry'), { fall: false, temperature: READINGS - 1 });
    // The broker acknowledges the presence before the cloud has committed it.
    await eventually(
      () => ask<{ robots: { online: boolean; reason: string }[] }>('/robots'),
      ({ robots }) => robots[0]?.online === false && robots[0].reason === 'stopped',
      'the last presence is in the cloud',
    );
  });

  it('refuses a retained, an expired and a repeated command', async () => {
    const caller = await Caller.connect(bench.broker.port, bench.files);
    const now = Date.now();
    const retained = { id: 'kept', thing: THING, command: 'buzzer', value: true, issued_at: now, expires_at: now + 60_000 };
    await caller.sendRaw(JSON.stringify(retained), { retain: true });
    robot = startRobot();
    assert.equal((await caller.result('kept')).reason, 'retained');
    const expired = await caller.send('buzzer', { value: true, expires_at: Date.now() - 10_000 });
    assert.equal((await caller.result(expired)).status, 'expired');
    const first = await caller.send('buzzer', { value: true });
    await caller.send('buzzer', { id: first, value: true });
    const last = await caller.send('buzzer', { value: false });
    // The robot answers in order of arrival, so it has handled the repetition too.
    assert.equal((await caller.result(last)).status, 'done');
    assert.equal(caller.results.filter(({ id }) => id === first).length, 1);
    await finishRobot();
    assert.deepEqual(
      robot.lines.map(({ text }) => text),
      ['buzzer on', 'buzzer off'],
    );
    await caller.sendRaw('', { retain: true });
    await caller.close();
  });

  it('sends a message again that the cloud never received, and the cloud commits its row once', async () => {
    robot = startRobot(SHORT_WAITS);
    await eventually(
      () => ask<{ robots: { online: boolean }[] }>('/robots'),
      ({ robots }) => robots[0]?.online === true,
      'the robot is online',
    );
    assert.equal(await cloud.stop(), 0);
    say({ channel: 'stranger', value: 'missed', alert: 'raised', incident: 'missed' });
    await until(() => timesPublished('"missed"') > 0, 'the broker has the message');
    assert.equal(robot.ended, false);
    await startCloud();
    await finishRobot();
    const { rows } = await database.query("select outbox, seq from readings where channel = 'stranger'");
    assert.equal(rows.length, 1);
    const [account] = await accounts();
    assert.deepEqual(account, { outbox: rows[0].outbox, accepted: 1, committed: 1, evicted: 0, outstanding: 0 });
    assert.ok(timesPublished('"missed"') > 1, 'the robot sent it again');
  });

  it('leaves its last will to the broker only when it is killed', () => {
    const presences = tap.messages.filter(({ channel }) => channel === 'presence').map(({ payload }) => JSON.parse(payload.toString()));
    const offline = presences.filter(({ online }) => !online);
    assert.deepEqual(
      offline.map(({ reason }) => reason ?? 'last will'),
      ['last will', 'stopped', 'stopped', 'stopped'],
    );
  });

  it('sends only messages that match the AsyncAPI document', () => {
    const api = new AsyncApi();
    // An empty message cleared the retained command.
    const messages = tap.messages.filter(({ payload }) => payload.length > 0);
    assert.deepEqual(
      messages.map(({ channel, payload }) => api.fault(channel, payload)).filter((fault) => fault !== null),
      [],
    );
  });

  it('keeps no row whose content the cloud cannot read, because the cloud stores its text', async () => {
    robot = startRobot(SHORT_WAITS);
    const alert = 'escalated';
    say({ channel: 'gas', value: true, alert });
    await finishRobot();
    const { rows } = await database.query('select outbox, raw, unread from readings where unread is not null');
    assert.equal(rows.length, 1);
    assert.ok(rows[0].raw.includes(alert) && rows[0].unread);
    const [account] = await accounts();
    assert.deepEqual(account, { outbox: rows[0].outbox, accepted: 1, committed: 1, evicted: 0, outstanding: 0 });
  });

  it('declares a row as poison after ten tries if the cloud cannot read its message', async () => {
    const outbox = addUnreadableRow();
    robot = startRobot(SHORTEST_WAITS);
    await finishRobot();
    const { rows: stored } = await database.query('select topic from poison_messages');
    assert.equal(stored.length, MAX_TRIES);
    const { rows: declared } = await database.query("select body from events where kind = 'evicted'");
    assert.deepEqual(
      declared.map(({ body }) => body),
      [{ of: outbox, ranges: [[2, 2]], reason: 'poison' }],
    );
    const account = (await accounts()).find((one) => one.outbox === outbox);
    assert.deepEqual(account, { outbox, accepted: 2, committed: 1, evicted: 1, outstanding: 0 });
  });
});
