// `serve` as a process: faults at the start, loss of the database, kill -9, and the stop.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { Postgres } from '../../test/support/postgres.ts';
import { migrate } from '../src/database/migrate.ts';
import { migrateTables } from '../src/database/open.ts';
import { pgliteDatabase } from '../src/database/pglite.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { readAccounts } from '../src/receipts/coverage.ts';
import { PlainBroker } from './support/aedes.ts';
import { NO_POSTGRES } from './support/databases.ts';
import { CloudProcess } from './support/process.ts';
import { presence, readings, telemetry } from './support/robot.ts';
import { RobotClient } from './support/robotClient.ts';

const THING = 'elderly-bot';
const STOP_MS = 10_000;

let folder = '';
let broker: PlainBroker;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cloud-'));
  broker = await PlainBroker.start();
});
after(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

const environment = (more: Record<string, string> = {}): Record<string, string> => ({
  AWS_IOT_ENDPOINT: `mqtt://127.0.0.1:${broker.port}`,
  CLOUD_DATA_DIR: join(folder, 'data'),
  PORT: '0',
  RECEIPT_INTERVAL: '100ms',
  ...more,
});
const robotOptions = (): { host: string; port: number } => ({ host: '127.0.0.1', port: broker.port });

test('invalid settings print one line each on stderr and exit with code 2', async () => {
  writeFileSync(join(folder, '.env'), 'RECEIPT_INTERVAL=soon\n');
  const cloud = new CloudProcess({ PORT: 'http', AWS_IOT_ENDPOINT: '', SECRET_KEY: 'short' }, folder);
  assert.deepEqual(await cloud.ended(), { code: 2, signal: null });
  assert.deepEqual(
    cloud.stderr
      .trim()
      .split('\n')
      .map((line) => line.split(/[= ]/)[0]),
    ['AWS_IOT_ENDPOINT', 'PORT', 'RECEIPT_INTERVAL', 'SECRET_KEY'],
  );
  rmSync(join(folder, '.env'));
});

test('an unreachable database prints one line with the setting to check and exits with code 1', async () => {
  const cloud = new CloudProcess(environment({ DATABASE_URL: 'postgresql://u:secret@127.0.0.1:1/db' }), folder);
  assert.deepEqual(await cloud.ended(), { code: 1, signal: null });
  assert.match(cloud.stderr, /^the database can't be used: .*ECONNREFUSED.*; check DATABASE_URL.*\n$/);
  assert.doesNotMatch(cloud.stderr, /secret/);
});

test('missing certificate files print one line each with the remedy and exit with code 2', async () => {
  const certificates = { AWS_ROOT_CA: 'gone/ca.pem', AWS_CERT_FILE: 'gone/cloud.pem', AWS_PRIVATE_KEY: 'gone/key.pem' };
  const cloud = new CloudProcess(environment({ AWS_IOT_ENDPOINT: 'broker.invalid', ...certificates }), folder);
  assert.deepEqual(await cloud.ended(), { code: 2, signal: null });
  for (const [name, path] of Object.entries(certificates)) {
    assert.ok(cloud.stderr.includes(`${name} ${path}: no such file; put the file there, or set ${name} to its path\n`), cloud.stderr);
  }
});

describe('an incompatible database prints one line, exits with code 1 and stays unchanged', { skip: NO_POSTGRES }, () => {
  let server: Postgres;
  before(async () => {
    server = await Postgres.start();
  });
  after(() => server.stop());

  const refused = async (planted: string): Promise<string> => {
    const url = await server.createDatabase();
    const db = postgresDatabase({ url });
    await migrate(db, []);
    await db.script(planted);
    const cloud = new CloudProcess(environment({ DATABASE_URL: url }), folder);
    assert.deepEqual(await cloud.ended(), { code: 1, signal: null });
    assert.deepEqual(await db.query('select number from cloud_migrations where number < 9000'), []);
    await db.close();
    return cloud.stderr;
  };

  test('with the tables of a newer program', async () => {
    const said = await refused("insert into cloud_migrations (number, name) values (9999, 'from tomorrow')");
    assert.match(
      said,
      /^the database needs a program that knows migration 9999, this one knows \d+; start the newer program, or restore an older backup[^\n]*\n$/,
    );
  });

  test('with the tables of another application', async () => {
    const said = await refused('create table outboxes (id int)');
    assert.match(said, /^migration 1 \(schema\) failed and changed nothing: [^\n]*outboxes[^\n]*\n$/);
  });
});

test('the database in the process keeps committed rows, their receipt and the state after kill -9', async () => {
  const first = new CloudProcess(environment(), folder);
  await first.said('broker_subscribed');
  const url = await first.url();
  const robot = await RobotClient.connect('elderly_bot', robotOptions());
  const state = { state_seq: 3, gas: false, battery: 87, heart_rate: 70 };
  await robot.publish('elderly_bot/telemetry', telemetry({ thing: THING, accepted: 3, mark: [1, 10] }, readings([1, 3]), state));
  const delivered = await robot.receipt(({ through }) => through === 3);
  assert.deepEqual(delivered.mark, [1, 10]);
  assert.deepEqual(await json(`${url}/telemetry`), { gas: false, battery: 87 });

  const second = new CloudProcess(environment(), folder);
  assert.deepEqual(await second.ended(), { code: 1, signal: null });
  assert.match(second.stderr, /in use by another cloud/);

  first.kill('SIGKILL');
  await first.ended();
  const third = new CloudProcess(environment(), folder);
  await third.said('broker_subscribed');
  await robot.publish('elderly_bot/presence', presence({ thing: THING, mark: [1, 20] }, [['box-1', 3]]));
  const again = await robot.receipt(({ mark }) => mark[1] === 20);
  assert.equal(again.through, 3);

  const askedMs = performance.now();
  third.kill('SIGTERM');
  assert.deepEqual(await third.ended(), { code: 0, signal: null });
  assert.ok(performance.now() - askedMs < STOP_MS);
  assert.ok(third.lines.some(({ event }) => event === 'cloud_stopped'));
  const db = await pgliteDatabase(join(folder, 'data'));
  assert.deepEqual(await readAccounts(db, THING), [{ outbox: 'box-1', accepted: 3, committed: 3, evicted: 0, outstanding: 0 }]);
  await db.close();
  await robot.end();
});

test('messages wait while the database is unreachable, and none is acknowledged or lost', { skip: NO_POSTGRES }, async () => {
  const server = await Postgres.start({ durable: true });
  const cloud = new CloudProcess(environment({ DATABASE_URL: await server.createDatabase() }), folder);
  await cloud.said('broker_subscribed');
  const robot = await RobotClient.connect('elderly_bot', robotOptions());
  await robot.publish('elderly_bot/telemetry', telemetry({ thing: THING, accepted: 6 }, readings([1, 3])));
  await robot.receipt(({ through }) => through === 3);
  await server.kill();
  await robot.publish('elderly_bot/telemetry', telemetry({ thing: THING, accepted: 6 }, readings([4, 6])));
  await cloud.said('database_failed');
  assert.equal((await fetch(`${await cloud.url()}/telemetry`)).status, 503);
  await server.restart();
  await robot.receipt(({ through }) => through === 6);
  cloud.kill('SIGTERM');
  assert.deepEqual(await cloud.ended(), { code: 0, signal: null });
  await robot.end();
  await server.stop();
});

test('a stop completes the running request and accepts no other', async () => {
  const cloud = new CloudProcess(environment({ CLOUD_DATA_DIR: 'memory:' }), folder);
  const url = await cloud.url();
  const body = JSON.stringify({ phone: '+391234567', password: 'correct horse' });
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length), expect: '100-continue' };
  const asked = request(`${url}/auth/register`, { method: 'POST', headers });
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
  asked.flushHeaders();
  // The server has received the headers of the request.
  await once(asked, 'continue');
  cloud.kill('SIGTERM');
  await cloud.said('cloud_stopping');
  asked.end(body);
  const [answer] = await answered;
  assert.equal(answer.statusCode, 200);
  answer.resume();
  assert.deepEqual(await cloud.ended(), { code: 0, signal: null });
  assert.ok(cloud.lines.some(({ event }) => event === 'cloud_stopped'));
  await assert.rejects(fetch(`${url}/telemetry`));
});

test('a running pg_dump neither prevents nor delays the start', { skip: NO_POSTGRES }, async () => {
  const server = await Postgres.start();
  const url = await server.createDatabase();
  await migrateTables({ databaseUrl: url, dataDir: '' });
  const dump = new pg.Client({ connectionString: url });
  await dump.connect();
  await dump.query('begin; lock table readings, cloud_migrations in access share mode');
  const cloud = new CloudProcess(environment({ DATABASE_URL: url }), folder);
  const { reason } = await cloud.said('maintenance_failed');
  assert.match(String(reason), /lock timeout/);
  await cloud.said('cloud_ready');
  const events = cloud.lines.map(({ event }) => event);
  assert.ok(events.indexOf('cloud_ready') < events.indexOf('maintenance_failed'), 'the start does not wait for the partitions');
  await dump.end();
  cloud.kill('SIGTERM');
  assert.deepEqual(await cloud.ended(), { code: 0, signal: null });
  await server.stop();
});

test('a second signal ends a waiting stop at once', { skip: NO_POSTGRES }, async () => {
  const server = await Postgres.start();
  const cloud = new CloudProcess(environment({ DATABASE_URL: await server.createDatabase() }), folder);
  await cloud.said('broker_subscribed');
  await server.kill();
  const robot = await RobotClient.connect('elderly_bot', robotOptions());
  await robot.publish('elderly_bot/telemetry', telemetry({ thing: THING, accepted: 1 }, readings([1, 1])));
  await cloud.said('database_failed');
  cloud.kill('SIGTERM');
  await cloud.said('cloud_stopping');
  const askedMs = performance.now();
  cloud.kill('SIGTERM');
  assert.deepEqual(await cloud.ended(), { code: 1, signal: null });
  assert.ok(performance.now() - askedMs < 2_000);
  await robot.end();
  await server.stop();
});

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}
