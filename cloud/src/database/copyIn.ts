// COPY FROM STDIN as a query of pg, which has the messages for it but no query of its own: the rows as text, in pieces.
import type pg from 'pg';

/** What pg asks of a query that is not its own; its version is pinned and the ingest's tests run through this one. */
interface Connection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  sendCopyFail(why: string): void;
  endCopyFrom(): void;
}

class CopyIn {
  readonly #statement: string;
  readonly #pieces: Iterable<string>;
  /** Called once; pg wraps it for its time-outs. */
  callback: (error: Error | null) => void;
  #failed = false;
  /** By the making of a piece: it says more than the server's answer to it. */
  #thrown: unknown = null;

  constructor(statement: string, pieces: Iterable<string>, callback: (error: Error | null) => void) {
    this.#statement = statement;
    this.#pieces = pieces;
    this.callback = callback;
  }

  submit(connection: Connection): void {
    connection.query(this.#statement);
  }

  handleCopyInResponse(connection: Connection): void {
    try {
      for (const piece of this.#pieces) connection.sendCopyFromChunk(Buffer.from(piece));
      connection.endCopyFrom();
    } catch (error) {
      this.#thrown = error;
      connection.sendCopyFail('the rows could not be written down');
    }
  }

  handleError(error: Error): void {
    this.#failed = true;
    this.callback(this.#thrown instanceof Error ? this.#thrown : error);
  }

  handleReadyForQuery(): void {
    if (!this.#failed) this.callback(null);
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
}

/** @param pieces whole lines of COPY's text format, made while the server is at work on those before. */
export function copyIn(client: pg.PoolClient, statement: string, pieces: Iterable<string>): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(statement, pieces, (error) => (error ? reject(error) : resolve())) as unknown as pg.Submittable);
  });
}

/** One value in COPY's text format. */
export function copyCell(value: string | number | null): string {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  return SPECIAL.test(value) ? value.replace(SPECIAL_ALL, escapeOf) : value;
}

const SPECIAL = /[\\\t\n\r]/;
const SPECIAL_ALL = /[\\\t\n\r]/g;

function escapeOf(character: string): string {
  if (character === '\t') return '\\t';
  if (character === '\n') return '\\n';
  return character === '\r' ? '\\r' : '\\\\';
}
