// Implements the database on a PostgreSQL server (15 or newer) with a pool of connections.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from } from 'pg-copy-streams';
import { type BackoffLimits, backoffMs, wait } from '../../../src/base/index.ts';
import { type Database, INT8, type Param, type Sql, safeInteger } from './database.ts';

/** The server cancels a statement that takes longer. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** The client gives up on a query if the server does not respond at all. */
const ANSWER_TIMEOUT_MS = 40_000;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_MS = 10_000;
const RECONNECT: BackoffLimits = { minMs: 500, maxMs: 15_000 };

const types = new pg.TypeOverrides();
types.setTypeParser(INT8, safeInteger);

export interface PostgresOptions {
  readonly url: string;
  readonly connections?: number;
  readonly onIdleError?: (error: Error) => void;
}

export function postgresDatabase(options: PostgresOptions): Database {
  const connection: pg.ClientConfig = {
    connectionString: options.url,
    application_name: 'elderly-bot-cloud',
    options: '-c timezone=UTC',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    // An instance that hangs in a transaction must not block the others with its locks.
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
        const result = await work({
          ...sqlOn(client),
          copy: (statement, pieces) => pipeline(Readable.from(pieces), client.query(from(statement))),
        });
        await client.query('commit');
        release(false);
        return result;
      } catch (error) {
        // The pool discards a connection that can't roll back.
        const broken = await client.query('rollback').then(
          () => false,
          () => true,
        );
        release(broken);
        throw error;
      }
    },
    listen: (channel, onPayload) => Promise.resolve(listenTo(connection, channel, onPayload)),
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

/** Listens on a separate connection and reconnects if it breaks. Sends an empty payload after each connect, since payloads may be lost. */
function listenTo(config: pg.ClientConfig, channel: string, onPayload: (payload: string) => void): () => Promise<void> {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      if (await listenOnce(config, channel, onPayload, stop.signal)) failures = 0;
      await wait(backoffMs(failures + 1, RECONNECT, Math.random()), stop.signal);
    }
  };
  const running = run();
  return () => {
    stop.abort();
    return running;
  };
}

/** Listens on one connection until it ends. @returns whether the connection was ever open. */
async function listenOnce(
  config: pg.ClientConfig,
  channel: string,
  onPayload: (payload: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const client = new pg.Client(config);
  client.on('notification', ({ payload = '' }) => onPayload(payload));
  const cleanup = new AbortController();
  const ended = new Promise<void>((resolve) => {
    for (const event of ['error', 'end'] as const) client.on(event, () => resolve());
    signal.addEventListener('abort', () => resolve(), { once: true, signal: cleanup.signal });
  });
  try {
    await client.connect();
    await client.query(`listen ${channel}`);
    onPayload('');
    await ended;
    return true;
  } catch {
    return false;
  } finally {
    cleanup.abort();
    await client.end().catch(() => {});
  }
}
