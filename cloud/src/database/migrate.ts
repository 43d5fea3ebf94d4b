// Brings the tables to this version's state: numbered steps, each once, all in one transaction under a lock, so that two
// instances that start together don't race, and a step that fails leaves nothing behind.
import { MIGRATIONS, type Migration } from '../migrations/index.ts';
import type { Database } from './database.ts';

/** Any fixed number: every instance of this program takes the same lock. */
const LOCK_KEY = 7_130_421;

/** @returns the numbers of the steps that were done now. */
export async function migrate(db: Database, migrations: readonly Migration[] = MIGRATIONS): Promise<number[]> {
  return db.transaction(async (sql) => {
    await sql.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
    await sql.script(`create table if not exists cloud_migrations (
      number integer primary key,
      name text not null,
      applied_at timestamptz not null default now()
    )`);
    const rows = await sql.query<{ number: number }>('select number from cloud_migrations');
    const done = new Set(rows.map((row) => row.number));
    refuseNewer(done, migrations);
    const pending = migrations.filter((migration) => !done.has(migration.number));
    for (const { number, name, sql: text } of pending) {
      await sql.script(text);
      await sql.query('insert into cloud_migrations (number, name) values ($1, $2)', [number, name]);
    }
    return pending.map((migration) => migration.number);
  });
}

function refuseNewer(done: ReadonlySet<number>, migrations: readonly Migration[]): void {
  const known = Math.max(...migrations.map((migration) => migration.number));
  const newest = Math.max(0, ...done);
  if (newest > known) {
    throw new Error(
      `the database is at migration ${newest}, this program knows ${known}; start the newer program, or restore a backup from before it`,
    );
  }
}
