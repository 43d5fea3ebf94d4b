// The ingest after a failover, and on connections that lead nowhere: alerts are stored within the promised time.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { codeOf } from '../../src/base/index.ts';
import { Postgres } from '../../test/support/postgres.ts';
import { eventually } from '../../test/support/until.ts';
import { migrate } from '../src/database/migrate.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { NO_POSTGRES } from './support/databases.ts';
import { Instance } from './support/instance.ts';
import { newThing, readings, telemetry } from './support/robot.ts';
import { TcpProxy } from './support/tcpProxy.ts';

const TOPIC = 'elderly_bot/telemetry';
/** docs/reference/limits.md: after a failover, and on a connection that leads nowhere. */
const RESUMED_MS = 10_000;
const BLACK_HOLE_MS = 15_000;

async function ask(server: Postgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(sql);
  await client.end();
  return rows;
}

/** Runs the endings in reverse order at the end of the test. */
function endings(t: TestContext): (end: () => Promise<void>) => void {
  const all: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const end of all.reverse()) await end();
  });
  return (end) => void all.push(end);
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work;
  return performance.now() - startedMs;
}

test('after the primary became read-only, alerts are stored on the new primary within 10 s', { skip: NO_POSTGRES }, async (t) => {
  const atEnd = endings(t);
  const primary = await Postgres.start();
  atEnd(() => primary.stop());
  const proxy = await TcpProxy.start(primary.port);
  atEnd(() => proxy.stop());
  let refused = 0;
  const db = postgresDatabase({
    url: `postgresql://postgres@127.0.0.1:${proxy.port}/postgres`,
    onUse: ({ error }) => {
      if (codeOf(error) === '25006') refused++;
    },
  });
  atEnd(() => db.close());
  await migrate(db);
  let wakes = 0;
  const unlisten = await db.listen('moved', () => wakes++);
  atEnd(unlisten);
  await eventually(
    () => wakes,
    (count) => count === 1,
    'it listens',
  );
  const standby = await primary.standby();
  atEnd(() => standby.stop());
  const instance = new Instance(db);
  atEnd(() => instance.stop());
  const thing = newThing();
  await instance.send(TOPIC, telemetry({ thing, accepted: 1 }, readings([1, 1])));
  await eventually(
    () => ask(standby, 'select 1 from readings'),
    ({ length }) => length === 1,
    'the standby has the row',
  );
  // Connections that are open before the failover all lead to the former primary.
  await Promise.all(Array.from({ length: 6 }, () => db.query('select pg_sleep(0.1)')));

  proxy.target = standby.port;
  await ask(primary, 'alter system set default_transaction_read_only = on');
  await ask(primary, 'select pg_reload_conf()');
  await eventually(
    () => db.query<{ on: string }>("select current_setting('transaction_read_only') as on"),
    ([row]) => row?.on === 'on',
  );
  // First the former primary refuses, then the standby that is not promoted yet.
  const sent = instance.send(TOPIC, telemetry({ thing, accepted: 2 }, readings([2, 2])));
  await eventually(
    () => refused,
    (count) => count >= 4,
    'the ingest was refused',
  );
  const promoted = ask(standby, 'select pg_promote()');
  const tookMs = await timed(sent);
  await promoted;
  t.diagnostic(`${Math.round(tookMs)} ms`);
  assert.ok(tookMs < RESUMED_MS, `it took ${tookMs} ms`);
  assert.deepEqual(await ask(standby, 'select seq::int from readings order by seq'), [{ seq: 1 }, { seq: 2 }]);
  // The listener moves too, without any error of its own connection.
  await eventually(
    () => wakes,
    (count) => count === 2,
    'it listens at the new primary',
  );
  await db.query("select pg_notify('moved', 'x')");
  await eventually(
    () => wakes,
    (count) => count === 3,
    'it hears the new primary',
  );
});

for (const moment of ['between two transactions', 'within a transaction']) {
  test(`a connection that leads nowhere ${moment} costs an alert at most 15 s`, { skip: NO_POSTGRES }, async (t) => {
    const atEnd = endings(t);
    const server = await Postgres.start();
    atEnd(() => server.stop());
    const proxy = await TcpProxy.start(server.port);
    atEnd(() => proxy.stop());
    const db = postgresDatabase({ url: `postgresql://postgres@127.0.0.1:${proxy.port}/postgres`, statementMs: 8_000 });
    atEnd(() => db.close());
    await migrate(db);
    const instance = new Instance(db);
    atEnd(() => instance.stop());
    const thing = newThing();
    await instance.send(TOPIC, telemetry({ thing, accepted: 1 }, readings([1, 1])));
    await Promise.all(Array.from({ length: 6 }, () => db.query('select pg_sleep(0.1)')));
    let held: Promise<unknown> = Promise.resolve();
    if (moment === 'within a transaction') {
      // It holds the lock of the robot's outbox, and the server learns of its end only by its own limit.
      held = assert.rejects(
        db.transaction(async (sql) => {
          await sql.query('select 1 from outboxes where thing = $1 for update', [thing]);
          proxy.blackHole();
          await sql.query('select 1');
        }),
      );
      await eventually(
        () => proxy.connections,
        (count) => count === 0,
      );
    } else assert.ok(proxy.blackHole() >= 6);
    const tookMs = await timed(instance.send(TOPIC, telemetry({ thing, accepted: 2 }, readings([2, 2]))));
    t.diagnostic(`${Math.round(tookMs)} ms`);
    assert.ok(tookMs < BLACK_HOLE_MS, `it took ${tookMs} ms`);
    await held;
    assert.deepEqual(await ask(server, 'select seq::int from readings order by seq'), [{ seq: 1 }, { seq: 2 }]);
  });
}

test('a connection that leads nowhere within a COPY fails that transaction, and the next one works', { skip: NO_POSTGRES }, async (t) => {
  const atEnd = endings(t);
  const server = await Postgres.start();
  atEnd(() => server.stop());
  const proxy = await TcpProxy.start(server.port);
  atEnd(() => proxy.stop());
  const db = postgresDatabase({ url: `postgresql://postgres@127.0.0.1:${proxy.port}/postgres`, statementMs: 500 });
  atEnd(() => db.close());
  await db.script('create table copied (a text)');
  function* pieces(): Generator<string> {
    yield 'first\n';
    proxy.blackHole();
    // More than the buffers of the sockets hold, so that the client waits for the server within the data, too.
    for (let i = 0; i < 200; i++) yield `${'x'.repeat(100_000)}\n`;
  }
  await assert.rejects(db.transaction(async (sql) => sql.copy?.('copy copied from stdin', pieces())));
  await eventually(
    () => db.query<{ copied: number }>('select count(*) as copied from copied'),
    ([row]) => row?.copied === 0,
  );
});
