// A pool of connections to PostgreSQL. A connection that broke, or whose server became read-only (a failover), is destroyed, and so is
// every other one that was open at that time: they lead to the same place.
import type { Socket } from 'node:net';
import pg from 'pg';
import { codeOf } from '../../../src/base/index.ts';
import { INT8, safeInteger } from './database.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_MS = 30_000;
/** The server cancels a statement that is too slow. If it does not even say so within this time, the connection is dead. */
const ANSWER_MS = 2_000;
/** An instance that hangs or vanishes within a transaction must not block the others with its locks. */
const IDLE_IN_TRANSACTION_MS = 5_000;
/** libuv then sends 10 probes, one a second, so an idle connection that leads nowhere ends after 15 s. */
const KEEPALIVE_MS = 5_000;
/** A new connection looks the host name up again, so none stays with a former primary that still answers. */
const MAX_LIFETIME_S = 600;

const types = new pg.TypeOverrides();
types.setTypeParser(INT8, safeInteger);

/** Connections with an earlier number than `current` may lead nowhere. The pools and the listener of one database share it. */
export interface Generation {
  current: number;
}

/** One use of a connection, for metrics. */
export interface Use {
  readonly kind: 'statement' | 'transaction';
  readonly seconds: number;
  /** Undefined if it succeeded. */
  readonly error: unknown;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly connections?: number;
  /** The server cancels a statement that takes longer. 0 means never, and then nothing ends the wait for an answer either. */
  readonly statementMs?: number;
  readonly generation?: Generation;
  readonly onIdleError?: (error: Error) => void;
  readonly onUse?: (use: Use) => void;
}

export class Connections {
  readonly #options: ConnectionOptions;
  readonly #pool: pg.Pool;
  readonly #born = new WeakMap<pg.PoolClient, number>();
  readonly generation: Generation;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.generation = options.generation ?? { current: 0 };
    this.#pool = new pg.Pool({ ...clientConfig(options), max: options.connections ?? 6, maxLifetimeSeconds: MAX_LIFETIME_S });
    // A connection in use that breaks between two statements emits an event that would end the process. The next statement fails anyway.
    this.#pool.on('connect', (client) => client.on('error', ignore));
    this.#pool.on('error', (error, client) => {
      this.#broke(client as pg.PoolClient);
      options.onIdleError?.(error);
    });
  }

  /** Runs `work` on a connection of its own, and destroys the connection if it broke. */
  async use<T>(kind: Use['kind'], work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    let error: unknown;
    try {
      return await this.#use(work);
    } catch (failure) {
      error = failure;
      throw failure;
    } finally {
      this.#options.onUse?.({ kind, seconds: (performance.now() - startedMs) / 1_000, error });
    }
  }

  get waiting(): number {
    return this.#pool.waitingCount;
  }

  /** Connections that are in use now. */
  get busy(): number {
    return this.#pool.totalCount - this.#pool.idleCount;
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      return await work(client);
    } catch (error) {
      if (isBroken(error)) this.#broke(client);
      throw error;
    } finally {
      this.#release(client, this.#born.get(client) !== this.generation.current);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    for (;;) {
      const number = this.generation.current;
      const client = await this.#pool.connect();
      const born = this.#born.get(client);
      if (born === this.generation.current) return client;
      if (born !== undefined) this.#release(client, true);
      else {
        this.#born.set(client, number);
        await applySession(client, this.#options).catch((error: unknown) => {
          this.#release(client, true);
          throw error;
        });
        return client;
      }
    }
  }

  /** A connection that is older than the last failure says nothing about newer ones. */
  #broke(client: pg.PoolClient): void {
    if (this.#born.get(client) === this.generation.current) this.generation.current++;
  }

  #release(client: pg.PoolClient, isStale: boolean): void {
    client.release(isStale);
    if (isStale) destroy(client);
  }
}

export function clientConfig({ url, statementMs = STATEMENT_MS }: ConnectionOptions): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'elderly-bot-cloud',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: statementMs && statementMs + ANSWER_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    types,
  };
}

/**
 * By SET, because pgbouncer and RDS Proxy refuse settings in the startup message. Without JIT: before the first ANALYZE, the planner takes a
 * small table for a large one, and compiles a statement of milliseconds for seconds.
 */
export async function applySession(client: pg.ClientBase, { statementMs = STATEMENT_MS }: ConnectionOptions): Promise<void> {
  await client.query(`set timezone = 'UTC'; set jit = off; set statement_timeout = ${statementMs};
    set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`);
}

/** Ends a connection at once. pg itself says goodbye and waits for the answer, which a dead connection never gives. */
export function destroy(client: pg.ClientBase): void {
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy();
}

/**
 * Whether the connection, rather than a statement, is at fault: no answer of the server at all, the connection's end (08, 57P0x), or a
 * server that became a standby (25006).
 */
export function isBroken(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (error instanceof pg.DatabaseError) return /^(08|57P0|25006)/.test(code);
  return /^E[A-Z]+$/.test(code) || (error instanceof Error && /^(Query read timeout|Connection terminated)/.test(error.message));
}

function ignore(): void {}
