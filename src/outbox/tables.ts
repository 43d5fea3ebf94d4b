// Gives other modules their tables in the outbox's database: the waiting uploads, and small texts under a name.
import * as z from 'zod';
import type { Db } from './schema.ts';

/** Texts of other modules by name, such as the position of the log shipping and the times of scheduled jobs. */
export class Notes {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  read(name: string): string | undefined {
    const text = this.#db.prepare('select text from notes where name = ?').pluck().get(name);
    return typeof text === 'string' ? text : undefined;
  }

  /** The text is durable when this returns, or with the transaction around the call. */
  write(name: string, text: string): void {
    this.#db.prepare('insert into notes (name, text) values (?, ?) on conflict (name) do update set text = excluded.text').run(name, text);
  }
}

export interface UploadRow {
  /** The spool file's name, without its folder. */
  readonly file: string;
  readonly kind: string;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Wall time in milliseconds. */
  readonly takenAtMs: number;
  readonly incident: string | null;
  /** The robot's total running time when the file was spooled, in milliseconds. */
  readonly ranMs: number;
}

const row = z
  .object({
    file: z.string(),
    kind: z.string(),
    size: z.number(),
    sha256: z.string(),
    taken_at: z.number(),
    incident: z.string().nullable(),
    ran_ms: z.number(),
  })
  .transform(({ taken_at: takenAtMs, ran_ms: ranMs, ...rest }): UploadRow => ({ ...rest, takenAtMs, ranMs }));

/** The waiting uploads. An upload ends in the transaction that writes its event: the event reports that the cloud has the file. */
export class UploadRows {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** The row is durable when this returns. @param within runs in the same transaction. */
  add({ file, kind, size, sha256, takenAtMs, incident, ranMs }: UploadRow, within: () => void = () => {}): void {
    const insert = this.#db.prepare(
      'insert or ignore into uploads (file, kind, size, sha256, taken_at, incident, ran_ms) values (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#db.transaction(() => {
      insert.run(file, kind, size, sha256, takenAtMs, incident, ranMs);
      within();
    })();
  }

  /** Oldest first. */
  waiting(): UploadRow[] {
    const found = this.#db.prepare('select * from uploads where told = 0 order by taken_at, file').all();
    return found.map((each) => row.parse(each));
  }

  /** Files whose event is committed. They may still be in the spool. */
  reported(): string[] {
    return this.#db.prepare('select file from uploads where told = 1').pluck().all() as string[];
  }

  /** The caller must call this in the transaction of the event. */
  markReported(file: string): void {
    this.#db.prepare('update uploads set told = 1 where file = ?').run(file);
  }

  forget(file: string): void {
    this.#db.prepare('delete from uploads where file = ?').run(file);
  }
}
