// Migrates the schema to this program's version in numbered steps. All pending steps run in one transaction under a lock, so instances that
// start together don't race, and a failed step changes nothing.
import { messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import { MIGRATIONS, type Migration } from '../migrations/index.ts';
import type { Database, Sql } from './database.ts';

/** An arbitrary number: all instances take the same advisory lock. */
const LOCK_KEY = 7_130_421;
/** The oldest version of PostgreSQL on which every statement is tested. */
const OLDEST_SERVER = 15;

/**
 * @returns the numbers of the steps that were applied.
 * @throws Refusal if the database belongs to a newer program, or the server is too old.
 */
export async function migrate(db: Database, migrations: readonly Migration[] = MIGRATIONS): Promise<number[]> {
  return db.transaction(async (sql) => {
    await refuseOldServer(sql);
    await sql.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
    await sql.script(`create table if not exists cloud_migrations (
      number integer primary key,
      name text not null,
      applied_at timestamptz not null default now()
    )`);
    const pending = await pendingIn(sql, migrations);
    for (const step of pending) await apply(sql, step);
    return pending.map((migration) => migration.number);
  });
}

/** @returns the steps that {@link migrate} would apply. */
export async function pendingMigrations(db: Sql, migrations: readonly Migration[] = MIGRATIONS): Promise<readonly Migration[]> {
  await refuseOldServer(db);
  const [found] = await db.query<{ migrated: boolean }>("select to_regclass('cloud_migrations') is not null as migrated");
  return found?.migrated ? pendingIn(db, migrations) : migrations;
}

async function pendingIn(sql: Sql, migrations: readonly Migration[]): Promise<Migration[]> {
  const rows = await sql.query<{ number: number }>('select number from cloud_migrations');
  const done = new Set(rows.map((row) => row.number));
  const known = Math.max(0, ...migrations.map((migration) => migration.number));
  const newest = Math.max(0, ...done);
  if (newest > known) {
    throw new Refusal(
      `the database is at migration ${newest}, this program knows ${known}; start the newer program, or restore an older backup`,
    );
  }
  return migrations.filter((migration) => !done.has(migration.number));
}

async function apply(sql: Sql, { number, name, sql: text }: Migration): Promise<void> {
  try {
    await sql.script(text);
  } catch (error) {
    const reason = `migration ${number} (${name}): ${messageOf(error)}`;
    throw new Refusal(`the database can't be migrated and is unchanged: ${reason}; give the cloud its own database`, { cause: error });
  }
  await sql.query('insert into cloud_migrations (number, name) values ($1, $2)', [number, name]);
}

async function refuseOldServer(sql: Sql): Promise<void> {
  const [server] = await sql.query<{ number: number; name: string }>(
    "select current_setting('server_version_num')::int / 10000 as number, current_setting('server_version') as name",
  );
  if (server && server.number < OLDEST_SERVER) {
    throw new Refusal(`this is PostgreSQL ${server.name}, but the cloud needs ${OLDEST_SERVER} or newer; upgrade the server`);
  }
}
