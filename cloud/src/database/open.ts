// Opens the database that the settings name. If the database can't be used, the error names the setting to check.

import type { Logger } from 'pino';
import { messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Database } from './database.ts';
import { pgliteDatabase } from './pglite.ts';
import { postgresDatabase } from './postgres.ts';

export interface DatabaseSettings {
  /** The URL of a PostgreSQL server; null for PGlite in {@link dataDir}. */
  readonly databaseUrl: string | null;
  /** A directory, or `memory:`. */
  readonly dataDir: string;
}

const REMEDIES = {
  postgres: 'check DATABASE_URL, and that PostgreSQL runs there and lets this user create tables (elderly-bot-cloud doctor)',
  pglite: 'check CLOUD_DATA_DIR',
} as const;

export async function openDatabase({ databaseUrl, dataDir }: DatabaseSettings, log?: Logger): Promise<Database> {
  if (databaseUrl === null) return usable({ kind: 'pglite' }, pgliteDatabase(dataDir));
  return postgresDatabase({
    url: databaseUrl,
    onIdleError: ({ message }) =>
      log?.warn({ event: 'database_connection_lost', reason: message }, 'an idle connection to the database broke'),
  });
}

/** Runs `work`. @throws Refusal that names the setting to check. */
export async function usable<T>({ kind }: Pick<Database, 'kind'>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`the database can't be used: ${messageOf(error)}; ${REMEDIES[kind]}`, { cause: error });
  }
}
