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
    );
    -- Asks first, because the lock of an alteration would wait for a running pg_dump.
    do $$ begin
      if not exists (select from pg_attribute where attrelid = 'cloud_migrations'::regclass and attname = 'min_compatible') then
        alter table cloud_migrations add column min_compatible integer;
      end if;
    end $$`);
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
  // `min_compatible` is the last step that a program must know. Null, or no such column: the step itself.
  const rows = await sql.query<{ number: number; needs: number }>(
    "select number, coalesce((to_jsonb(m) ->> 'min_compatible')::int, number) as needs from cloud_migrations m",
  );
  const done = new Set(rows.map((row) => row.number));
  const known = Math.max(0, ...migrations.map((migration) => migration.number));
  const needed = Math.max(0, ...rows.map(({ needs }) => needs));
  if (needed > known) {
    throw new Refusal(
      `the database needs a program that knows migration ${needed}, this one knows ${known}; start the newer program, or restore an older backup`,
    );
  }
  return migrations.filter((migration) => !done.has(migration.number));
}

async function apply(sql: Sql, { number, name, sql: text, isBreaking = false }: Migration): Promise<void> {
  try {
    await sql.script(text);
  } catch (error) {
    const reason = `migration ${number} (${name}): ${messageOf(error)}`;
    throw new Refusal(`the database can't be migrated and is unchanged: ${reason}; give the cloud its own database`, { cause: error });
  }
  await sql.query('insert into cloud_migrations (number, name, min_compatible) values ($1, $2, $3)', [
    number,
    name,
    isBreaking ? number : 0,
  ]);
}

async function refuseOldServer(sql: Sql): Promise<void> {
  const [server] = await sql.query<{ number: number; name: string }>(
    "select current_setting('server_version_num')::int / 10000 as number, current_setting('server_version') as name",
  );
  if (server && server.number < OLDEST_SERVER) {
    throw new Refusal(`this is PostgreSQL ${server.name}, but the cloud needs ${OLDEST_SERVER} or newer; upgrade the server`);
  }
}
