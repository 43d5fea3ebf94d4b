// Small facts that other modules keep in the outbox's database, each a text under a name: the position of log shipping, times of jobs.
import type { Db } from './schema.ts';

export class Notes {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  read(name: string): string | undefined {
    const text = this.#db.prepare('select text from notes where name = ?').pluck().get(name);
    return typeof text === 'string' ? text : undefined;
  }

  /** Durable when it returns, or with the transaction that it is called in. */
  write(name: string, text: string): void {
    this.#db.prepare('insert into notes (name, text) values (?, ?) on conflict (name) do update set text = excluded.text').run(name, text);
  }
}
