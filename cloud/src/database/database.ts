// What the cloud asks of a database. Two makers give it: a PostgreSQL server and PGlite in the process; the SQL is the same,
// and so is what comes back: bigint as a number, jsonb parsed, bytea as bytes.

export type Scalar = string | number | boolean | null | Uint8Array;
export type Param = Scalar | readonly Scalar[];

export interface Sql {
  /** One statement with `$1`, `$2`, ...; the rows as objects. The caller knows their shape, as the SQL stands beside it. */
  query<Row>(text: string, params?: readonly Param[]): Promise<Row[]>;
  /** Several statements without parameters. */
  script(text: string): Promise<void>;
  /** COPY FROM STDIN, several times cheaper than any INSERT of many rows; only in a transaction of a PostgreSQL server. */
  readonly copy?: (statement: string, pieces: Iterable<string>) => Promise<void>;
}

export interface Database extends Sql {
  readonly kind: 'postgres' | 'pglite';
  /** Commits when `work` resolves, rolls back when it rejects. After it resolves the rows are durable and visible. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** A copy of the whole folder, tar.gz; only where the database is in the process. A server has pg_dump. */
  readonly dump?: () => Promise<Blob>;
  /**
   * Hears what `pg_notify` says on a channel, an SQL identifier, through whichever instance. Words may be lost; an empty one says that
   * some may have been. @returns what ends it.
   */
  listen(channel: string, heard: (word: string) => void): Promise<() => Promise<void>>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/**
 * Whether the database refused the data itself (SQLSTATE classes 22, 23, 54: bad value, constraint, too deep or too long), so that
 * a second try must fail the same way. Anything else, such as a lost connection or a deadlock, is worth another try.
 */
export function refusesData(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(22|23|54)[0-9A-Z]{3}$/.test(code);
}

/** bigint as a number: every count and time of the protocol is a safe integer, and any other number is an error. */
export function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the database gave ${text}, which is no safe integer`);
  return value;
}
