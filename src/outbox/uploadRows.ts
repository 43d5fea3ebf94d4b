// The uploads that wait, as rows of the outbox's database: a spool file's row ends in the transaction that writes the event which
// says that the cloud has it.
import * as z from 'zod';
import type { Db } from './schema.ts';

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
  /** The robot's total running time when it was spooled, in milliseconds. */
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

export class UploadRows {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Durable when it returns. @param within runs in the same transaction. */
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

  /** Files whose event is a row, and which may still be there. */
  told(): string[] {
    return this.#db.prepare('select file from uploads where told = 1').pluck().all() as string[];
  }

  /** For the transaction of the event. */
  markTold(file: string): void {
    this.#db.prepare('update uploads set told = 1 where file = ?').run(file);
  }

  forget(file: string): void {
    this.#db.prepare('delete from uploads where file = ?').run(file);
  }
}
