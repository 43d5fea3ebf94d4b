import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Postgres } from '../../test/support/postgres.ts';
import { postgresDatabase } from '../src/database/postgres.ts';
import { NO_POSTGRES } from './support/databases.ts';

test('a server crash within a transaction fails only that transaction', { skip: NO_POSTGRES }, async (t) => {
  const server = await Postgres.start();
  t.after(() => server.stop());
  const db = postgresDatabase({ url: server.url });
  t.after(() => db.close());
  const interrupted = db.transaction(async (sql) => {
    await sql.query('select 1');
    await server.kill();
    // A refused connection shows that the connection of the transaction has broken too.
    await assert.rejects(db.query('select 1'));
    await sql.query('select 1');
  });
  await assert.rejects(interrupted);
  await server.restart();
  assert.deepEqual(await db.query('select 1 as number'), [{ number: 1 }]);
});
