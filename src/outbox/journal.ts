// Journals commands so that each command id runs at most once. The entry is durable before the ROS message is published. If the agent
// restarts and finds a command that was started but not ended, its outcome is unknown and it is never run again.
import type { Statement } from 'better-sqlite3';
import * as z from 'zod';
import { type ResultBody, resultBody } from '../wire/index.ts';
import { CommandLog, isRefused } from './commandLog.ts';
import { JournalBounds, LONGEST_REPEAT_MS, MAX_IDS, repeatableUntil } from './journalBounds.ts';
import { completeSince } from './journalGap.ts';
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

/** How long the ids of executed commands are kept if there is space, in running time. Far longer than the longest `ttl` of a command. */
const KEEP_IDS_MS = 7 * 24 * 3_600_000;

/**
 * All ids of refused commands are kept until a repetition has expired. This many of the latest refusals are kept as long as executed
 * commands, so that a person at the robot still finds them.
 */
const KEPT_REFUSALS = 500;

const COLUMNS = 'id, command, state, result';

export class CommandJournal {
  /** The outcomes of commands without an id. */
  readonly log: CommandLog;
  readonly #db: Db;
  readonly #bounds: JournalBounds;
  readonly #ranMs: () => number;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #select: Statement;
  /** A superset of the ids in the table. Undefined until the table is read, and if it has more than {@link MAX_IDS} ids. */
  #ids: Set<string> | undefined;
  #mayRemember = true;
  readonly #completeSince: number | undefined;

  /** @param ranMs returns the agent's running time over all runs, in milliseconds. */
  constructor(db: Db, ranMs: () => number) {
    this.#db = db;
    this.#ranMs = ranMs;
    this.log = new CommandLog(db, ranMs);
    this.#completeSince = completeSince(db, ranMs());
    this.#bounds = new JournalBounds(db, ranMs);
    this.#insert = db.prepare(`insert or ignore into commands (id, command, state, started_at, ran_ms, repeatable_until)
      values (?, ?, 'started', ?, ?, ?)`);
    this.#update = db.prepare('update commands set state = ?, result = ? where id = ?');
    this.#select = db.prepare(`select ${COLUMNS} from commands where id = ?`);
  }

  /**
   * Adds an entry, which is durable when this returns.
   * @param validMs milliseconds until the command expires; undefined if unknown. @returns false if the journal already has the id.
   */
  begin(id: string, command: string, wallMs: number, validMs?: number): boolean {
    this.#remember(id);
    const ranMs = this.#ranMs();
    const isNew = this.#insert.run(id, command, wallMs, ranMs, repeatableUntil(ranMs, validMs)).changes === 1;
    if (isNew) this.#bounds.added(id, command);
    return isNew;
  }

  end(id: string, result: ResultBody): void {
    const text = JSON.stringify(result);
    const isRefusal = isRefused(result);
    this.#update.run(isRefusal ? 'refused' : 'ended', text, id);
    this.#bounds.ended(text, isRefusal);
  }

  /** @returns for how long of running time the journal has named every command; undefined if always. */
  completeForMs(): number | undefined {
    return this.#completeSince === undefined ? undefined : this.#ranMs() - this.#completeSince;
  }

  /** @returns why no further command may run, because its id would not fit; undefined if it fits. @throws SQLite's error */
  full(): string | undefined {
    return this.#bounds.full();
  }

  /** Whether the id of a refused command fits. @throws SQLite's error */
  hasSpaceForRefused(): boolean {
    return this.#bounds.hasSpaceForRefused();
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
    this.#db.prepare(`delete from commands where ${old}`).run(ranMs - LONGEST_REPEAT_MS);
    this.#bounds.trim();
  }

  #remembered(): Set<string> | undefined {
    if (this.#ids === undefined && this.#mayRemember) {
      const select = this.#db.prepare(`select id from commands limit ${MAX_IDS + 1}`);
      const ids = select.pluck().all() as string[];
      this.#mayRemember = ids.length <= MAX_IDS;
      if (this.#mayRemember) this.#ids = new Set(ids);
    }
    return this.#ids;
  }

  /** Caches an id. Called before the insert, so that a written id is never missing; an extra id is harmless if the insert fails. */
  #remember(id: string): void {
    if (!this.#ids) return;
    this.#ids.add(id);
    if (this.#ids.size > MAX_IDS) [this.#ids, this.#mayRemember] = [undefined, false];
  }
}

function entryOf(found: unknown): JournalEntry {
  const { result, ...entry } = row.parse(found);
  return { ...entry, result: result === null ? undefined : resultBody.parse(JSON.parse(result)) };
}
