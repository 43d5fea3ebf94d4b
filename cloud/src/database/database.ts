// The interface of a database. A PostgreSQL server and PGlite in the process implement it, with the same SQL and the same values in
// rows: bigint as a number, jsonb parsed, bytea as bytes.

export type Scalar = string | number | boolean | null | Uint8Array;
export type Param = Scalar | readonly Scalar[];

export interface Sql {
  /** One statement with `$1`, `$2`, ...; the rows as objects. The caller gives their type, because it writes the SQL. */
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
  /** A copy of the whole folder as tar.gz. Only the database in the process has it; for a server there is pg_dump. */
  readonly dump?: () => Promise<Blob>;
  /**
   * Receives the payloads of `pg_notify` on a channel, from every instance. Payloads may be lost; an empty payload means that some may
   * have been lost. @param channel an SQL identifier. @returns a function that stops listening.
   */
  listen(channel: string, onPayload: (payload: string) => void): Promise<() => Promise<void>>;
  /** Waits for running statements. */
  close(): Promise<void>;
}

/**
 * Whether the database refused the data itself (SQLSTATE classes 22, 23, 54: bad value, constraint, too deep or too long), so that
 * a second try fails the same way. Anything else, such as a lost connection or a deadlock, is worth another try.
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
