// The pools of `serve`: requests of families that use up their connections delay no message of a robot.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Postgres } from '../../test/support/postgres.ts';
import { openDatabases } from '../src/database/index.ts';
import { NO_POSTGRES } from './support/databases.ts';

test('slow requests that use every connection of their pool leave the connections of the ingest free', { skip: NO_POSTGRES }, async (t) => {
  const server = await Postgres.start();
  t.after(() => server.stop());
  const pools = await openDatabases({ databaseUrl: server.url, dataDir: '' }, pino({ level: 'silent' }));
  t.after(() => pools.close());
  const holder = pools.upkeep.transaction(async (sql) => {
    await sql.query('select pg_advisory_xact_lock(1)');
    const slow = Array.from({ length: 20 }, () => pools.http.query('select pg_advisory_xact_lock(1)'));
    assert.deepEqual(await pools.ingest.query('select 1 as answer'), [{ answer: 1 }]);
    assert.ok((pools.http.load?.().waiting ?? 0) > 0, 'the pool of the requests is used up');
    return { slow };
  });
  await Promise.all((await holder).slow);
});

test('each pool has its own limit for a statement', { skip: NO_POSTGRES }, async (t) => {
  const server = await Postgres.start();
  t.after(() => server.stop());
  const pools = await openDatabases({ databaseUrl: server.url, dataDir: '' }, pino({ level: 'silent' }));
  t.after(() => pools.close());
  const shown = [pools.ingest, pools.http, pools.upkeep].map((pool) => pool.query<{ statement_timeout: string }>('show statement_timeout'));
  const limits = (await Promise.all(shown)).map(([row]) => row?.statement_timeout);
  assert.deepEqual(limits, ['8s', '10s', '30s']);
});

test('a transaction may have tighter limits, which end with it', { skip: NO_POSTGRES }, async (t) => {
  const server = await Postgres.start();
  t.after(() => server.stop());
  const { ingest, close } = await openDatabases({ databaseUrl: server.url, dataDir: '' }, pino({ level: 'silent' }));
  t.after(close);
  const limits = { lockMs: 50, statementMs: 100 };
  await assert.rejects(
    ingest.transaction((sql) => sql.query('select pg_sleep(60)'), limits),
    { code: '57014' },
  );
  await ingest.transaction(async (sql) => {
    await sql.query('select pg_advisory_xact_lock(1)');
    const waits = ingest.transaction((other) => other.query('select pg_advisory_xact_lock(1)'), limits);
    await assert.rejects(waits, { code: '55P03' });
  });
  assert.deepEqual(await ingest.query('show lock_timeout'), [{ lock_timeout: '0' }]);
});
