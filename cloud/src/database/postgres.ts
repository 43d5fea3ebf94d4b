// The database on a PostgreSQL server (15 or newer), through a pool. A connection that failed in a transaction is not used again.
import pg from 'pg';
import { copyIn } from './copyIn.ts';
import { type Database, type Param, type Sql, safeInteger } from './database.ts';
import { listenTo } from './listen.ts';

const INT8 = 20;
/** The server cancels a statement that takes longer. If it does not answer at all, the client gives up a while later. */
const STATEMENT_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 40_000;
const KEEPALIVE_MS = 10_000;

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return safeInteger;
    return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text');
  }) as typeof pg.types.getTypeParser,
};

export interface PostgresOptions {
  readonly url: string;
  /** Size of the pool. */
  readonly connections?: number;
  /** Called if an idle connection breaks. */
  readonly onIdleError?: (error: Error) => void;
}

export function postgresDatabase(options: PostgresOptions): Database {
  const connection: pg.ClientConfig = {
    connectionString: options.url,
    application_name: 'elderly-bot-cloud',
    options: '-c timezone=UTC',
    connectionTimeoutMillis: 10_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    // The locks of an instance that froze in a transaction must not stop the others.
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
  };
  const pool = new pg.Pool({ ...connection, types, max: options.connections ?? 6 });
  pool.on('error', (error) => options.onIdleError?.(error));
  return {
    kind: 'postgres',
    ...sqlOn(pool),
    async transaction(work) {
      const client = await pool.connect();
      // A connection that breaks between two statements emits an event that would end the process. The next statement fails anyway.
      client.on('error', ignore);
      const release = (broken: boolean): void => {
        client.off('error', ignore);
        client.release(broken);
      };
      try {
        await client.query('begin');
        const result = await work({ ...sqlOn(client), copy: (statement, pieces) => copyIn(client, statement, pieces) });
        await client.query('commit');
        release(false);
        return result;
      } catch (error) {
        release(await rollback(client));
        throw error;
      }
    },
    listen: (channel, heard) => Promise.resolve(listenTo(connection, channel, heard)),
    close: () => pool.end(),
  };
}

function sqlOn(client: pg.Pool | pg.PoolClient): Sql {
  return {
    async query<Row>(text: string, params: readonly Param[] = []): Promise<Row[]> {
      const { rows } = await client.query(text, [...params]);
      return rows as Row[];
    },
    async script(text) {
      await client.query(text);
    },
  };
}

function ignore(): void {}

/** @returns whether the connection has to be discarded. */
async function rollback(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return false;
  } catch {
    return true;
  }
}
