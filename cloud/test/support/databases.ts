// Runs a suite on both databases: a real PostgreSQL server, and PGlite in the process. Each suite has an empty database.
import { after, before, describe } from 'node:test';
import { findPostgres, Postgres } from '../../../test/support/postgres.ts';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { pgliteDatabase } from '../../src/database/pglite.ts';
import { postgresDatabase } from '../../src/database/postgres.ts';

export const NO_POSTGRES = findPostgres() === null && 'skipped: PostgreSQL is not installed (apt-get install postgresql)';

type Suite = (db: () => Database, another: () => Database) => void;

/** @param suite receives a function that returns the open database, and a function that opens a second connection to it. */
export function onEachDatabase(name: string, suite: Suite): void {
  onPostgres(name, suite);
  onPglite(name, suite);
}

/** For tests that need several connections, which PGlite does not have. */
export function onPostgres(name: string, suite: Suite): void {
  describe(`${name}, on PostgreSQL`, { skip: NO_POSTGRES }, () => {
    const opened: Database[] = [];
    let server: Postgres | null = null;
    const open = (): Database => {
      const db = postgresDatabase({ url: server?.url ?? '' });
      opened.push(db);
      return db;
    };
    before(async () => {
      server = await Postgres.start();
      await migrate(open());
    });
    suite(() => first(opened), open);
    // After the suite's own hooks, whose parts still use the database.
    after(async () => {
      await Promise.all(opened.map((db) => db.close()));
      await server?.stop();
    });
  });
}

function onPglite(name: string, suite: Suite): void {
  describe(`${name}, on PGlite`, () => {
    const opened: Database[] = [];
    before(async () => {
      const db = await pgliteDatabase('memory:');
      opened.push(db);
      await migrate(db);
    });
    suite(
      () => first(opened),
      () => first(opened),
    );
    after(() => opened[0]?.close());
  });
}

function first(opened: readonly Database[]): Database {
  const [db] = opened;
  if (!db) throw new Error('the database is opened before the first test, not while the suite is built');
  return db;
}
