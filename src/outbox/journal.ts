// Journals commands so that each command id runs at most once. The entry is durable before the ROS message is published. If the agent
// restarts and finds a command that was started but not ended, its outcome is unknown and it is never run again.
import { existsSync } from 'node:fs';
import Database, { type Statement } from 'better-sqlite3';
import * as z from 'zod';
import { type ResultBody, resultBody } from '../wire/index.ts';
import type { Db } from './schema.ts';

interface JournalEntry {
  readonly id: string;
  readonly command: string;
  /** `refused` means that the command did not run. Its id is only kept for as long as a duplicate could still be accepted. */
  readonly state: 'started' | 'ended' | 'refused';
  readonly result: ResultBody | undefined;
}

const row = z.object({
  id: z.string(),
  command: z.string(),
  state: z.enum(['started', 'ended', 'refused']),
  result: z.string().nullable(),
});

/** How long the ids of executed commands are kept, in running time. Far longer than the longest `ttl` of a command. */
const KEEP_IDS_MS = 7 * 24 * 3_600_000;

/** How long the ids of refused commands are kept: the longest `ttl` that can be configured. A later duplicate has expired anyway. */
const KEEP_REFUSED_MS = 3_600_000;

const COLUMNS = 'id, command, state, result';

/** Up to this many ids (about 2 MB) are cached, so that a new command needs no query. */
const REMEMBERED_IDS = 20_000;

export class CommandJournal {
  readonly #db: Db;
  readonly #ranMs: () => number;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #select: Statement;
  /** A superset of the ids in the table. Undefined until the table is read, and if it has more than {@link REMEMBERED_IDS} ids. */
  #ids: Set<string> | undefined;
  #mayRemember = true;

  /** @param ranMs returns the agent's running time over all runs, in milliseconds. */
  constructor(db: Db, ranMs: () => number) {
    this.#db = db;
    this.#ranMs = ranMs;
    this.#insert = db.prepare(`insert or ignore into commands (id, command, state, started_at, ran_ms) values (?, ?, 'started', ?, ?)`);
    this.#update = db.prepare('update commands set state = ?, result = ? where id = ?');
    this.#select = db.prepare(`select ${COLUMNS} from commands where id = ?`);
  }

  /** Adds an entry, which is durable when this returns. @returns false if the journal already has the id. */
  begin(id: string, command: string, wallMs: number): boolean {
    this.#remember(id);
    return this.#insert.run(id, command, wallMs, this.#ranMs()).changes === 1;
  }

  end(id: string, result: ResultBody): void {
    const isRefused = result.status === 'rejected' || result.status === 'expired';
    this.#update.run(isRefused ? 'refused' : 'ended', JSON.stringify(result), id);
  }

  find(id: string): JournalEntry | undefined {
    if (this.#remembered()?.has(id) === false) return undefined;
    const found = this.#select.get(id);
    return found === undefined ? undefined : entryOf(found);
  }

  /** Returns the commands that were started but have no result. At startup, these are the ones that the previous run left behind. */
  unfinished(): JournalEntry[] {
    return this.#db.prepare(`select ${COLUMNS} from commands where state = 'started'`).all().map(entryOf);
  }

  forgetOld(): void {
    const ranMs = this.#ranMs();
    this.#mayRemember = true;
    this.#db.prepare(`delete from commands where state = 'ended' and ran_ms < ?`).run(ranMs - KEEP_IDS_MS);
    this.#db.prepare(`delete from commands where state = 'refused' and ran_ms < ?`).run(ranMs - KEEP_REFUSED_MS);
  }

  #remembered(): Set<string> | undefined {
    if (this.#ids === undefined && this.#mayRemember) {
      const select = this.#db.prepare(`select id from commands limit ${REMEMBERED_IDS + 1}`);
      const ids = select.pluck().all() as string[];
      this.#mayRemember = ids.length <= REMEMBERED_IDS;
      if (this.#mayRemember) this.#ids = new Set(ids);
    }
    return this.#ids;
  }

  /** Caches an id. Called before the insert, so that a written id is never missing; an extra id is harmless if the insert fails. */
  #remember(id: string): void {
    if (!this.#ids) return;
    this.#ids.add(id);
    if (this.#ids.size > REMEMBERED_IDS) [this.#ids, this.#mayRemember] = [undefined, false];
  }
}

export interface LoggedCommand extends JournalEntry {
  /** Wall time at which the command was started, in milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
}

/** Reads the latest commands from an outbox file, oldest first. An agent may be using the file. */
export function readJournal(file: string, limit: number): LoggedCommand[] {
  if (!existsSync(file)) return [];
  const db = new Database(file, { readonly: true, timeout: 2_000 });
  try {
    const latest = `select ${COLUMNS}, started_at from commands order by ran_ms desc, started_at desc limit ?`;
    const found = db.prepare(latest).all(limit) as { started_at: number }[];
    return found.map((each) => ({ ...entryOf(each), startedAtMs: each.started_at })).reverse();
  } finally {
    db.close();
  }
}

function entryOf(found: unknown): JournalEntry {
  const { result, ...entry } = row.parse(found);
  return { ...entry, result: result === null ? undefined : resultBody.parse(JSON.parse(result)) };
}
