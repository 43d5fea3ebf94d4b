// Interface of a database, which is either a PostgreSQL server or PGlite in the process. Both accept the same SQL and return the same
// types: bigint as a number, jsonb parsed, bytea as bytes.
import { codeOf } from '../../../src/base/index.ts';

type Scalar = string | number | boolean | null | Uint8Array;
export type Param = Scalar | readonly Scalar[];

export interface Sql {
  /** Runs one statement with `$1`, `$2`, ... The caller states the type of the rows, because it writes the SQL. */
  query<Row>(text: string, params?: readonly Param[]): Promise<Row[]>;
  /** Runs several statements without parameters. */
  script(text: string): Promise<void>;
  /**
   * COPY FROM STDIN. Only the transactions of a PostgreSQL server have it.
   * @param pieces whole lines of COPY's text format. The server stores one piece while the next piece is created.
   * @throws the error of the server or of `pieces`. The transaction can then only be rolled back.
   */
  readonly copy?: (statement: string, pieces: Iterable<string>) => Promise<void>;
}

/**
 * The server cancels a statement that waits for a lock, or runs, longer than this. Without `statementMs` the limit of the pool counts. PGlite
 * has a single connection and ignores it.
 */
export interface Limits {
  readonly lockMs: number;
  readonly statementMs?: number;
}

export interface Database extends Sql {
  readonly kind: 'postgres' | 'pglite';
  /** Commits when `work` resolves and rolls back when it rejects. After it resolves, the rows are durable and visible. */
  transaction<T>(work: (sql: Sql) => Promise<T>, limits?: Limits): Promise<T>;
  /** Like `query`, for frequent statements. The server parses it once for each connection. */
  prepared<Row>(text: string, params: readonly Param[]): Promise<Row[]>;
  /** Copies the whole data directory as tar.gz. Only PGlite has it; use pg_dump for a server. */
  readonly dump?: () => Promise<Blob>;
  /**
   * Receives the payloads of `pg_notify` on a channel, from every instance. Payloads may be lost; an empty payload means that earlier
   * payloads may be lost.
   * @param channel an SQL identifier.
   * @returns a function that stops listening.
   */
  listen(channel: string, onPayload: (payload: string) => void): Promise<() => Promise<void>>;
  /** The connections in use, and the callers that wait for one. Only a server has it. */
  readonly load?: () => { readonly waiting: number; readonly busy: number };
  /** Waits for running statements. */
  close(): Promise<void>;
}

/**
 * Whether the database refused the data, so that a retry fails the same way: a bad value (class 22), a null (23502), a check (23514), JSON
 * that is nested too deeply (54001). After any other error a retry may succeed, also after these of the same classes: 2200H is a sequence
 * at its end, 54000 a limit of the server, 23505 can be a sequence that a failover set back, and 23514 without a constraint is a row that waited
 * for its partition while another one was attached.
 */
export function refusesData(error: unknown): boolean {
  if (codeOf(error) === '23514' && (error as { readonly constraint?: string }).constraint === undefined) return false;
  return /^(22(?!00H)[0-9A-Z]{3}|23502|23514|54001)$/.test(codeOf(error) ?? '');
}

/** Whether the server cancelled a statement: a lock that another transaction holds, a deadlock, or a statement that ran too long. */
export function tookTooLong(error: unknown): boolean {
  return /^(55P03|40P01|57014)$/.test(codeOf(error) ?? '');
}

/** The type number of bigint in PostgreSQL. */
export const INT8 = 20;

/** Parses a bigint. Every count and time of the protocol is a safe integer, so any other number is an error. */
export function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the database returned ${text}, which is not a safe integer`);
  return value;
}

/** Transposes rows to the column arrays that `unnest($1::text[], ...)` expects. */
export function columnsOf(rows: readonly (readonly Scalar[])[]): Param[] {
  return (rows[0] ?? []).map((_, i) => rows.map((row) => row[i] ?? null));
}

/** Text for a text column. PostgreSQL can't store U+0000, so U+FFFD replaces it; the UTF-8 encoding replaces lone surrogates. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** JSON text for a jsonb column; SQL's null for null and undefined. U+FFFD replaces U+0000 and lone surrogates, which jsonb refuses. */
export function storableJson(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = JSON.stringify(value);
  // JSON.stringify escapes exactly these characters. The pattern also matches an escaped backslash, which may precede `u0000`.
  return text.includes('\\u')
    ? text.replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (match) => (match === '\\\\' ? match : '\uFFFD'))
    : text;
}

const SPECIAL = /[\\\t\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** One value in COPY's text format. */
export function copyCell(value: string | number | boolean | null): string {
  if (value === null) return '\\N';
  const text = String(value);
  return SPECIAL.test(text) ? text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character) : text;
}
