// The cloud behind a real pgbouncer in both of its usual modes, and over a Unix socket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Postgres } from '../../test/support/postgres.ts';
import { eventually } from '../../test/support/until.ts';
import type { Database } from '../src/database/database.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { checkDatabase } from '../src/doctor/database.ts';
import { databaseSettingsFrom } from '../src/settings/index.ts';
import { PlainBroker } from './support/aedes.ts';
import { NO_POSTGRES } from './support/databases.ts';
import { NO_PGBOUNCER, Pgbouncer } from './support/pgbouncer.ts';
import { CloudProcess } from './support/process.ts';
import { readings, telemetry } from './support/robot.ts';
import { RobotClient } from './support/robotClient.ts';

let folder = '';
let broker: PlainBroker;
let server: Postgres;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-pooler-'));
  broker = await PlainBroker.start();
});
after(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a cloud on this URL. @returns its events, after a robot's rows got their receipt. */
async function serve(url: string): Promise<string[]> {
  const cloud = new CloudProcess(
    { AWS_IOT_ENDPOINT: `mqtt://127.0.0.1:${broker.port}`, PORT: '0', RECEIPT_INTERVAL: '100ms', DATABASE_URL: url },
    folder,
  );
  await cloud.said('broker_subscribed');
  const robot = await RobotClient.connect('elderly_bot', { host: '127.0.0.1', port: broker.port });
  await robot.publish('elderly_bot/telemetry', telemetry({ thing: 'elderly-bot', accepted: 3, mark: [1, 10] }, readings([1, 3])));
  await robot.receipt(({ through }) => through === 3);
  await robot.end();
  cloud.kill('SIGTERM');
  assert.deepEqual(await cloud.ended(), { code: 0, signal: null });
  return cloud.lines.map(({ event }) => String(event));
}

/** Reads this URL as a setting, and returns the findings of the doctor. */
async function inspect(url: string): Promise<[code: string, observed: string][]> {
  const findings = await checkDatabase(databaseSettingsFrom({ DATABASE_URL: url }));
  return findings.map(({ code, observed }) => [code, observed]);
}

describe('the cloud', { skip: NO_POSTGRES }, () => {
  before(async () => {
    server = await Postgres.start();
  });
  after(() => server.stop());

  test('works over a Unix socket, whichever way the URL names it', async () => {
    const port = `port=${server.port}`;
    const forms = [
      `postgresql://postgres@/postgres?host=${server.folder}&${port}`,
      `postgresql:///postgres?user=postgres&host=${server.folder}&${port}`,
      `postgresql://postgres@${encodeURIComponent(server.folder)}:${server.port}/postgres`,
    ];
    assert.ok(!(await serve(String(forms[0]))).includes('database_pooled'));
    const socket = `${server.folder}/.s.PGSQL.${server.port}`;
    for (const form of forms) {
      assert.deepEqual(await inspect(form), [['database', `${socket}: the database answers, and its tables are up to date`]]);
    }
    assert.deepEqual(await inspect(`postgresql:///postgres?host=${folder}`), [
      ['database_refused', `${folder}/.s.PGSQL.5432: no program listens there`],
    ]);
  });

  describe('behind pgbouncer', { skip: NO_PGBOUNCER }, () => {
    test('works in session mode, with LISTEN and the limits of time', async (t) => {
      const pooler = await Pgbouncer.start(server, 'session');
      t.after(() => pooler.stop());
      assert.ok(!(await serve(pooler.url)).includes('database_pooled'));
      assert.deepEqual(
        (await inspect(pooler.url)).map(([code]) => code),
        ['database'],
      );
      const db = postgresDatabase({ url: pooler.url, statementMs: 8_000 });
      t.after(() => db.close());
      const heard: string[] = [];
      t.after(await db.listen('moved', (payload) => heard.push(payload)));
      await eventually(
        () => heard,
        ({ length }) => length === 1,
      );
      await db.query("select pg_notify('moved', 'x')");
      await eventually(
        () => heard,
        ([, payload]) => payload === 'x',
      );
      assert.deepEqual(await db.query("select current_setting('statement_timeout') as limit, current_setting('timezone') as zone"), [
        { limit: '8s', zone: 'UTC' },
      ]);
    });

    test('runs a prepared statement in transaction mode, also on a connection that lost it, or on which another instance named it', async (t) => {
      const pooler = await Pgbouncer.start(server, 'transaction');
      t.after(() => pooler.stop());
      const [one, other] = [postgresDatabase({ url: pooler.url, connections: 2 }), postgresDatabase({ url: pooler.url })];
      t.after(() => Promise.all([one.close(), other.close()]));
      const ask = async (db: Database): Promise<number | undefined> => {
        const [row] = await db.prepared<{ pid: number }>('select pg_backend_pid() as pid', []);
        return row?.pid;
      };
      const first = await ask(one);
      // The server's connection has the statement, and the pooler lends it to the other instance.
      assert.equal(await ask(other), first);
      // Or it is taken, and the same client gets another connection of the server.
      await other.transaction(async (sql) => {
        await sql.query('select 1');
        assert.notEqual(await ask(one), first);
      });
    });

    test('stores and confirms rows in transaction mode, and says what it loses', async (t) => {
      const pooler = await Pgbouncer.start(server, 'transaction');
      t.after(() => pooler.stop());
      assert.ok((await serve(pooler.url)).includes('database_pooled'));
      const [, pooled] = await inspect(pooler.url);
      assert.equal(pooled?.[0], 'database_pooled');
      assert.match(String(pooled?.[1]), /LISTEN hears nothing/);
    });
  });
});
