// Opens the database that the settings name. If the database can't be used, the error names the setting to check.

import type { Logger } from 'pino';
import { messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import { MIGRATIONS, type Migration } from '../migrations/index.ts';
import type { ConnectionOptions, Use } from './connections.ts';
import type { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { noticeRestore } from './origin.ts';
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

/**
 * The pools of `serve`. Each has its own connections and its own limit for a statement, so that slow requests of families never delay a
 * robot's alert, and upkeep delays neither. `ingest` also serves receipts and notifications. An instance uses at most these connections
 * and one for LISTEN.
 */
const POOLS = {
  ingest: { connections: 8, statementMs: 8_000 },
  http: { connections: 6, statementMs: 10_000 },
  upkeep: { connections: 3, statementMs: 30_000 },
} as const;

export interface Databases extends Readonly<Record<keyof typeof POOLS, Database>> {
  close(): Promise<void>;
}

/** Opens the pools. PGlite has a single connection, which all of them share. @param onUse is called after each use of a connection. */
export async function openDatabases(
  settings: DatabaseSettings,
  log: Logger,
  onUse?: (pool: keyof typeof POOLS, use: Use) => void,
): Promise<Databases> {
  if (settings.databaseUrl === null) return sharedDatabase(await openDatabase(settings));
  const generation = { current: 0 };
  const open = (pool: keyof typeof POOLS): Database =>
    serverDatabase(settings.databaseUrl ?? '', { ...POOLS[pool], generation, onUse: (use) => onUse?.(pool, use) }, log);
  const pools = { ingest: open('ingest'), http: open('http'), upkeep: open('upkeep') };
  return { ...pools, close: async () => void (await Promise.all(Object.values(pools).map((pool) => pool.close()))) };
}

export function sharedDatabase(db: Database): Databases {
  return { ingest: db, http: db, upkeep: db, close: () => db.close() };
}

export async function openDatabase({ databaseUrl, dataDir }: DatabaseSettings): Promise<Database> {
  return databaseUrl === null ? usable({ kind: 'pglite' }, pgliteDatabase(dataDir)) : serverDatabase(databaseUrl);
}

/** @param onWait see {@link migrate}. @returns the numbers of the steps that were applied. */
export function migrateTables(
  settings: DatabaseSettings,
  {
    shared,
    migrations = MIGRATIONS,
    onWait,
  }: { shared?: Database; migrations?: readonly Migration[]; onWait?: (reason: string) => void } = {},
): Promise<number[]> {
  return withoutLimits(settings, shared, (db) => migrate(db, migrations, onWait));
}

/** @returns whether the database was restored from another cluster since the last call. */
export function checkRestored(settings: DatabaseSettings, shared?: Database): Promise<boolean> {
  return withoutLimits(settings, shared, noticeRestore);
}

/**
 * Runs `work` on a connection of its own without a time limit, because to rewrite a large table takes minutes.
 * @param shared the open database in the process, which has only one connection.
 */
async function withoutLimits<T>(settings: DatabaseSettings, shared: Database | undefined, work: (db: Database) => Promise<T>): Promise<T> {
  const { databaseUrl } = settings;
  if (shared && databaseUrl === null) return usable(shared, work(shared));
  const db = databaseUrl === null ? await openDatabase(settings) : serverDatabase(databaseUrl, { statementMs: 0, connections: 1 });
  try {
    return await usable(db, work(db));
  } finally {
    await db.close();
  }
}

function serverDatabase(url: string, options: Omit<ConnectionOptions, 'url'> = {}, log?: Logger): Database {
  return postgresDatabase({
    ...options,
    url,
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
