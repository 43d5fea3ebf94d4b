// /healthz of a running cloud, while its database becomes read-only, has a full disk, or holds a lock; and of a failing upkeep.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { pino } from 'pino';
import { Volume } from '../../test/faults/volume.ts';
import { Postgres } from '../../test/support/postgres.ts';
import { eventually } from '../../test/support/until.ts';
import { type Fault, Health, type HealthOptions } from '../src/health/health.ts';
import { Maintenance } from '../src/maintenance/maintenance.ts';
import { DEFAULT_RETENTION } from '../src/settings/values.ts';
import { PlainBroker } from './support/aedes.ts';
import { NO_POSTGRES, onEachDatabase } from './support/databases.ts';
import { CloudProcess } from './support/process.ts';
import { readings, telemetry } from './support/robot.ts';
import { RobotClient } from './support/robotClient.ts';

const NO_MOUNT =
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status !== 0 && 'skipped: no right to mount a tmpfs';
const DISK_BYTES = 1024 ** 2;
const PATIENT = { patienceMs: 60_000, everyMs: 200 };

interface Answer {
  readonly status: number;
  readonly faults: readonly Fault[];
}

describe('/healthz', { skip: NO_POSTGRES }, () => {
  let folder = '';
  let broker: PlainBroker;
  let server: Postgres;
  let cloud: CloudProcess;
  let url = '';
  let robot: RobotClient;
  let seq = 0;
  let volume: Volume | undefined;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-healthz-'));
    broker = await PlainBroker.start();
    server = await Postgres.start();
    cloud = new CloudProcess(
      { AWS_IOT_ENDPOINT: `mqtt://127.0.0.1:${broker.port}`, PORT: '0', RECEIPT_INTERVAL: '100ms', DATABASE_URL: server.url },
      folder,
    );
    await cloud.said('broker_subscribed');
    url = await cloud.url();
    robot = await RobotClient.connect('elderly_bot', { host: '127.0.0.1', port: broker.port });
  });
  after(async () => {
    await robot.end();
    cloud.kill('SIGKILL');
    await cloud.ended();
    await broker.stop();
    await server.stop();
    await volume?.unmount();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (): Promise<Answer> => {
    const response = await fetch(`${url}/healthz`);
    return { status: response.status, faults: ((await response.json()) as { faults: readonly Fault[] }).faults };
  };
  const reports = (code: string): Promise<Answer> =>
    eventually(ask, ({ status, faults }) => status === 503 && faults.some((fault) => fault.code === code), `a fault ${code}`, PATIENT);
  const recovers = (): Promise<Answer> => eventually(ask, ({ status }) => status === 200, 'it recovers', PATIENT);
  const sql = async (...statements: readonly string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  };
  const publish = async (count: number): Promise<void> => {
    const first = seq + 1;
    seq += count;
    await robot.publish('elderly_bot/telemetry', telemetry({ thing: 'elderly-bot', accepted: seq }, readings([first, seq])));
  };

  test('reports a database that only reads, and its recovery', async () => {
    await recovers();
    await sql('alter system set default_transaction_read_only = on', 'select pg_reload_conf()');
    const { faults } = await reports('database_read_only');
    assert.match(String(faults[0]?.remedy), /lead DATABASE_URL to the primary/);
    assert.match(await (await fetch(`${url}/metrics`)).text(), /^elderly_bot_cloud_fault\{code="database_read_only"\} 1$/m);
    await sql('set default_transaction_read_only = off', 'alter system reset default_transaction_read_only', 'select pg_reload_conf()');
    await recovers();
  });

  test('reports messages of which none is committed, although a test write succeeds', async () => {
    await sql('set lock_timeout = 0');
    const holder = new pg.Client({ connectionString: server.url });
    await holder.connect();
    await holder.query('begin; lock table outboxes');
    await publish(3);
    const { faults } = await reports('ingest_stuck');
    assert.match(String(faults[0]?.text), /^messages that wait: \d+; none was committed for \d+ s/);
    await holder.end();
    await robot.receipt(({ through }) => through === seq);
    await recovers();
  });

  test('reports a full disk by the errors of the ingest', { skip: NO_MOUNT }, async () => {
    const disk = join(folder, 'disk');
    volume = await Volume.tmpfs(disk, DISK_BYTES);
    for (const path of [folder, disk]) chmodSync(path, 0o755);
    mkdirSync(join(disk, 'space'));
    execFileSync('chown', ['postgres', join(disk, 'space')]);
    await sql(
      `create tablespace full_disk location '${disk}/space'`,
      `do $$ declare part regclass; begin for part in select inhrelid::regclass from pg_inherits where inhparent = 'readings'::regclass loop
        execute format('alter table %s set tablespace full_disk', part); end loop; end $$`,
      `create table filler (a text) tablespace full_disk`,
    );
    await assert.rejects(sql(`insert into filler select repeat(md5(i::text), 60) from generate_series(1, 1000000) i`), { code: '53100' });
    await publish(500);
    const { faults } = await reports('database_full');
    assert.match(String(faults[0]?.text), /No space left on device/);
    await sql('drop table filler');
    await robot.receipt(({ through }) => through === seq);
    await recovers();
  });
});

onEachDatabase('health', (db) => {
  const health = (options: Partial<HealthOptions> = {}): Health =>
    new Health({
      db: db(),
      broker: () => 'subscribed',
      queue: () => ({ waiting: 0, oldestMs: 0, storedMs: 0 }),
      lastFailure: () => undefined,
      upkeep: () => new Map(),
      ...options,
    });

  test('has no fault if all works, and knows the numbers of the database', async () => {
    assert.deepEqual(await health().faults(), []);
    const { silentRobots, sequences, xids } = await health().facts();
    assert.equal(silentRobots, 0);
    assert.equal(sequences.alerts_id_seq, 0);
    assert.ok(xids > 0 && xids < 0.5);
  });

  test('a task of the upkeep is a fault once it has failed for 3 minutes', async () => {
    const upkeep = (ageMs: number) => () => new Map([['retention', { sinceMs: performance.now() - ageMs, reason: 'no lock' }]]);
    assert.deepEqual(await health({ upkeep: upkeep(100_000) }).faults(), []);
    const [fault] = await health({ upkeep: upkeep(200_000) }).faults();
    assert.deepEqual([fault?.code, fault?.text], ['upkeep_failing', 'retention: no lock']);
  });

  test('the upkeep names its failing tasks until they succeed', async () => {
    let broken = true;
    const forget = (): Promise<void> => (broken ? Promise.reject(new Error('no lock')) : Promise.resolve());
    const options = { db: db(), log: pino({ level: 'silent' }), retention: DEFAULT_RETENTION, silentAfterMs: 0, uploads: null };
    const maintenance = new Maintenance({ ...options, expiring: [{ forget }], listening: () => true });
    for (const expected of [['forgetting'], []]) {
      await maintenance.start();
      await maintenance.stop();
      assert.deepEqual([...maintenance.failing.keys()], expected);
      broken = false;
    }
  });
});
