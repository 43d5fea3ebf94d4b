// Migrates the schema to this program's version in numbered steps. Each step runs in a transaction of its own under a lock, so instances that
// start together don't race, a failed step changes nothing, and a step that takes long holds only its own locks.
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import { MIGRATIONS, type Migration } from '../migrations/index.ts';
import type { Database, Sql } from './database.ts';

/** An arbitrary number: all instances take the same advisory lock. */
const LOCK_KEY = 7_130_421;
/** The oldest version of PostgreSQL on which every statement is tested. */
const OLDEST_SERVER = 15;

/** A step that waits for a lock makes every other statement on its table wait too, so it gives up and tries again. */
const LOCK_MS = 2_000;
const AGAIN_MS = 2_000;
/** Up to this step all are one transaction, so that the tables of another application stay unchanged. */
const FIRST_SCHEMA = 1;

/**
 * @param onWait is called with the reason when a step first gives up its locks, because another transaction, such as a pg_dump, has one that
 * it needs. It tries again without limit.
 * @returns the numbers of the steps that were applied.
 * @throws Refusal if the database belongs to a newer program, a step fails, or the server is too old.
 */
export async function migrate(
  db: Database,
  migrations: readonly Migration[] = MIGRATIONS,
  onWait: (reason: string) => void = () => {},
): Promise<number[]> {
  const applied: number[] = [];
  for (let isWaiting = false; ; ) {
    try {
      const steps = await db.transaction((sql) => applyNext(sql, migrations));
      if (steps.length === 0) return applied;
      applied.push(...steps);
    } catch (error) {
      if (!hadNoLock(error)) throw error;
      if (!isWaiting) onWait(messageOf(error));
      isWaiting = true;
      await sleep(AGAIN_MS);
    }
  }
}

/** @returns the numbers of the steps that it applied: the next one, or the first schema with what prepares it. */
async function applyNext(sql: Sql, migrations: readonly Migration[]): Promise<number[]> {
  await refuseOldServer(sql);
  await sql.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
  await sql.script(`set local lock_timeout = ${LOCK_MS}`);
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
  const first = pending.filter(({ number }) => number <= FIRST_SCHEMA);
  const next = first.length > 0 ? first : pending.slice(0, 1);
  for (const step of next) await apply(sql, step);
  return next.map((migration) => migration.number);
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
    if (hadNoLock(error)) throw error;
    throw new Refusal(`migration ${number} (${name}) failed and changed nothing: ${adviceFor(error)}`, { cause: error });
  }
  await sql.query('insert into cloud_migrations (number, name, min_compatible) values ($1, $2, $3)', [
    number,
    name,
    isBreaking ? number : 0,
  ]);
}

function hadNoLock(error: unknown): boolean {
  return /^(55P03|40P01)$/.test(codeOf(error) ?? '');
}

/** PostgreSQL names a view or rule that depends on a column only in the detail of the error. */
function adviceFor(error: unknown): string {
  const { detail } = error as { readonly detail?: string };
  if (codeOf(error) === '0A000' && detail) return `${messageOf(error)}; ${detail}; drop it, start again, and create it again`;
  if (codeOf(error) === 'P0001') return messageOf(error);
  return `${messageOf(error)}; give the cloud its own database`;
}

async function refuseOldServer(sql: Sql): Promise<void> {
  const [server] = await sql.query<{ number: number; name: string }>(
    "select current_setting('server_version_num')::int / 10000 as number, current_setting('server_version') as name",
  );
  if (server && server.number < OLDEST_SERVER) {
    throw new Refusal(`this is PostgreSQL ${server.name}, but the cloud needs ${OLDEST_SERVER} or newer; upgrade the server`);
  }
}
