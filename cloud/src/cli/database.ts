// Shared by the commands that work on the database beside a running cloud: the same settings, an open database, tables of this version.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandDatabase,
  type DatabaseSettings,
  databaseOverSocket,
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
 * @param work gets a database whose tables are of this version. If a cloud runs on the database in the process, its socket is used.
 * @throws Refusal if there is no database, or its tables are of another version.
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
    if (pending.length > 0) throw new Refusal(`the database is not at this version yet: elderly-bot-cloud migrate`);
    return await work(db);
  } finally {
    await db.close();
  }
}
