// Journals commands so that each command id runs at most once. The entry is durable before the ROS message is published. If the agent
// restarts and finds a command that was started but not ended, its outcome is unknown and it is never run again.
import type { Statement } from 'better-sqlite3';
import * as z from 'zod';
import { type ResultBody, resultBody } from '../wire/index.ts';
import { CommandLog, isRefused } from './commandLog.ts';
import type { Db } from './schema.ts';

interface JournalEntry {
  readonly id: string;
  readonly command: string;
  /** `refused` means that the command did not run. */
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

/** All ids of refused commands are kept for the longest `ttl` that can be configured. A later duplicate has expired anyway. */
const KEEP_REFUSED_MS = 3_600_000;

/** This many of the latest refusals are kept as long as executed commands, so that a person at the robot still finds them. */
const KEPT_REFUSALS = 500;

const COLUMNS = 'id, command, state, result';

/** Up to this many ids (about 2 MB) are cached, so that a new command needs no query. */
const REMEMBERED_IDS = 20_000;

export class CommandJournal {
  /** The outcomes of commands without an id. */
  readonly log: CommandLog;
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
    this.log = new CommandLog(db, ranMs);
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
    this.#update.run(isRefused(result) ? 'refused' : 'ended', JSON.stringify(result), id);
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
    this.#db.prepare(`delete from commands where state <> 'started' and ran_ms < ?`).run(ranMs - KEEP_IDS_MS);
    const latest = `select id from commands where state = 'refused' order by ran_ms desc limit ${KEPT_REFUSALS}`;
    const old = `state = 'refused' and ran_ms < ? and id not in (${latest})`;
    this.#db.prepare(`delete from commands where ${old}`).run(ranMs - KEEP_REFUSED_MS);
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

function entryOf(found: unknown): JournalEntry {
  const { result, ...entry } = row.parse(found);
  return { ...entry, result: result === null ? undefined : resultBody.parse(JSON.parse(result)) };
}
