// Opens the database for commands that run beside a cloud, with that cloud's settings. Contains the command `migrate` too.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { print, printError } from '../../../src/base/index.ts';
import {
  type CommandDatabase,
  type DatabaseSettings,
  databaseOverSocket,
  migrateTables,
  openDatabase,
  pendingMigrations,
  usable,
} from '../database/index.ts';
import { Refusal } from '../errors/index.ts';
import { databaseSettingsFrom, readEnvironment } from '../settings/index.ts';

export function databaseSettings(): DatabaseSettings {
  return databaseSettingsFrom(readEnvironment(process.env, '.env'));
}

/**
 * If a cloud runs on the database in the process, `work` uses the socket of that cloud.
 * @throws Refusal if there is no database, or its tables are not up to date.
 */
export async function onDatabase<T>(work: (db: CommandDatabase) => Promise<T>): Promise<T> {
  const settings = databaseSettings();
  const { databaseUrl, dataDir } = settings;
  if (databaseUrl === null && !existsSync(join(dataDir, 'PG_VERSION'))) {
    throw new Refusal(`no database in ${dataDir}: set DATABASE_URL or CLOUD_DATA_DIR, or run this in the folder of the cloud's .env`);
  }
  const db = (databaseUrl === null ? await databaseOverSocket(dataDir) : null) ?? (await openDatabase(settings));
  try {
    const pending = await usable(db, pendingMigrations(db));
    if (pending.length > 0) throw new Refusal('the tables are not up to date: run elderly-bot-cloud migrate');
    return await work(db);
  } finally {
    await db.close();
  }
}

/** Migrates the tables. `serve` does this too, but the command shows the outcome before the start. */
export async function migrateAll(): Promise<number> {
  const steps = await migrateTables(databaseSettings(), {
    onWait: (reason) => printError(`waiting for another transaction, such as a pg_dump: ${reason}`),
  });
  await print(steps.length > 0 ? `done: ${steps.length} steps, up to ${steps.at(-1)}` : 'nothing to do');
  return 0;
}
