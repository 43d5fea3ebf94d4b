import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Postgres } from '../../test/support/postgres.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { NO_POSTGRES } from './support/databases.ts';

test('a server that dies between two statements of a transaction fails it, and nothing else', { skip: NO_POSTGRES }, async (t) => {
  const server = await Postgres.start();
  t.after(() => server.stop());
  const db = postgresDatabase({ url: server.url });
  t.after(() => db.close());
  const cut = db.transaction(async (sql) => {
    await sql.query('select 1');
    await server.kill();
    // Until a new connection is refused, in which time this one has broken.
    await assert.rejects(db.query('select 1'));
    await sql.query('select 1');
  });
  await assert.rejects(cut);
  await server.restart();
  assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }]);
});
