// examples/robot.py, which was written from docs/reference/ only, against Mosquitto with mutual TLS and the cloud on PostgreSQL. The robot is
// killed in the middle.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { AsyncApi } from '../support/asyncapi.ts';
import { Bench, THING } from '../support/bench.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { findPostgres, Postgres } from '../support/postgres.ts';
import { Program, ROOT } from '../support/program.ts';
import { pahoUnavailable, pythonWithPaho } from '../support/python.ts';
import { Tap } from '../support/tap.ts';
import { eventually } from '../support/until.ts';

const READINGS = 300;
const KILLED_AFTER = 150;
const INCIDENT = 'fall-of-a-test';

const skip =
  pahoUnavailable() ||
  (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto') ||
  (findPostgres() ? false : 'no PostgreSQL: apt-get install postgresql');

interface Account {
  readonly accepted: number;
  readonly committed: number;
  readonly evicted: number;
  readonly outstanding: number;
}

describe('examples/robot.py', { skip, timeout: 120_000 }, () => {
  let postgres: Postgres;
  let bench: Bench;
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

  const startRobot = (): Program => {
    const { ca, robot: client } = bench.files;
    const { command, env } = pythonWithPaho();
    const options = { port: bench.broker.port, ca, cert: client.cert, key: client.key, state: join(bench.folder, 'python'), interval: 0.2 };
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

  before(async () => {
    postgres = await Postgres.start();
    bench = await Bench.start();
    mkdirSync(join(bench.folder, 'python'));
    const cloud = await bench.cloud({ url: postgres.url });
    origin = String((await cloud.event('cloud_ready')).url);
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
    robot.endOrders();
    // The robot ends by itself when receipts have covered all of its rows.
    assert.equal(await robot.exited, 0, robot.stderr);
    const values = (await readingsInDatabase()).sort((a, b) => a - b);
    assert.deepEqual(
      values,
      Array.from({ length: READINGS }, (_, i) => i),
    );
    const { outboxes } = await ask<{ outboxes: Account[] }>(`/robots/${THING}/accounting`);
    assert.equal(outboxes.length, 2);
    const sum = (key: keyof Account) => outboxes.reduce((total, account) => total + account[key], 0);
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
    const { robots } = await ask<{ robots: { online: boolean; reason: string }[] }>('/robots');
    assert.deepEqual([robots[0]?.online, robots[0]?.reason], [false, 'stopped']);
  });

  it('sends only messages that match the AsyncAPI document', () => {
    const api = new AsyncApi();
    assert.deepEqual(
      tap.messages.map(({ channel, payload }) => api.fault(channel, payload)).filter((fault) => fault !== null),
      [],
    );
  });
});
