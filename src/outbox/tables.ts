// Access to the database's tables for other modules: waiting uploads, and small named texts.
import * as z from 'zod';
import type { Db } from './schema.ts';

/** Named texts for other modules, such as the log shipping position and the times of scheduled jobs. */
export class Notes {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  read(name: string): string | undefined {
    const text = this.#db.prepare('select text from notes where name = ?').pluck().get(name);
    return typeof text === 'string' ? text : undefined;
  }

  /** Stores the text under this name. It is durable when this returns, or, inside a transaction, once the transaction is committed. */
  write(name: string, text: string): void {
    this.#db.prepare('insert into notes (name, text) values (?, ?) on conflict (name) do update set text = excluded.text').run(name, text);
  }
}

export interface UploadRow {
  /** The spool file's name, without its directory. */
  readonly file: string;
  readonly kind: string;
  /** In bytes. */
  readonly size: number;
  /** In hexadecimal. */
  readonly sha256: string;
  /** In milliseconds since the Unix epoch. */
  readonly takenAtMs: number;
  readonly incident: string | null;
  /** The agent's total running time when the file was spooled, in milliseconds. */
  readonly ranMs: number;
}

/** A file name without a folder. The spool deletes and uploads files by it, and the file with the table may be of another origin. */
export const spoolName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,249}$/, 'expected a file name without a folder');

const row = z
  .object({
    file: spoolName,
    kind: z.string(),
    size: z.number(),
    sha256: z.string(),
    taken_at: z.number(),
    incident: z.string().nullable(),
    ran_ms: z.number(),
  })
  .transform(({ taken_at: takenAtMs, ran_ms: ranMs, ...rest }): UploadRow => ({ ...rest, takenAtMs, ranMs }));

/**
 * Uploads that are waiting or complete. An upload is marked as reported in the transaction that inserts its event, which tells the cloud
 * that the file is in the bucket, so that no file is reported twice or never.
 */
export class UploadRows {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Adds an upload durably. @param within runs in the same transaction. */
  add({ file, kind, size, sha256, takenAtMs, incident, ranMs }: UploadRow, within: () => void = () => {}): void {
    const insert = this.#db.prepare(
      'insert or ignore into uploads (file, kind, size, sha256, taken_at, incident, ran_ms) values (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#db.transaction(() => {
      insert.run(file, kind, size, sha256, takenAtMs, incident, ranMs);
      within();
    })();
  }

  /** Returns the uploads that are not reported yet, oldest first. */
  waiting(): UploadRow[] {
    const found = this.#db.prepare('select * from uploads where told = 0 order by taken_at, file').all();
    return found.map((each) => row.parse(each));
  }

  /** Returns the files whose event is committed. They may still be in the spool. */
  reported(): string[] {
    const found = this.#db.prepare('select file from uploads where told = 1').pluck().all();
    return found.map((file) => spoolName.parse(file));
  }

  /** Must be called in the transaction that inserts the upload's event. */
  markReported(file: string): void {
    this.#db.prepare('update uploads set told = 1 where file = ?').run(file);
  }

  forget(file: string): void {
    this.#db.prepare('delete from uploads where file = ?').run(file);
  }
}
