// Opens the database that the settings name. If it can't be used, the error says what to check.

import type { Logger } from 'pino';
import { messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Database } from './database.ts';
import { pgliteDatabase } from './pglite.ts';
import { postgresDatabase } from './postgres.ts';

export interface DatabaseSettings {
  /** A PostgreSQL URL, or null for PGlite in {@link dataDir}. */
  readonly databaseUrl: string | null;
  /** A folder, or `memory:`. */
  readonly dataDir: string;
}

const WHAT_TO_CHECK = {
  postgres: 'check DATABASE_URL, and that PostgreSQL runs there and lets this user create tables (elderly-bot-cloud doctor)',
  pglite: 'check CLOUD_DATA_DIR',
} as const;

export async function openDatabase({ databaseUrl, dataDir }: DatabaseSettings, log?: Logger): Promise<Database> {
  if (databaseUrl === null) return usable({ kind: 'pglite' }, pgliteDatabase(dataDir));
  const onIdleError = (error: Error): void =>
    log?.warn({ event: 'database_connection_lost', reason: error.message }, 'an idle connection broke');
  return postgresDatabase({ url: databaseUrl, onIdleError });
}

/** The result of `work`, or a rejection that says what to check. */
export async function usable<T>({ kind }: Pick<Database, 'kind'>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`the database can't be used: ${messageOf(error)}; ${WHAT_TO_CHECK[kind]}`, { cause: error });
  }
}
