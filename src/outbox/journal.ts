// The command journal: which command ids were taken, and what became of them. A start is on disk before the command's ROS
// message exists; what is found started at the next start ended in a way nobody knows, and is never run again.
import { existsSync } from 'node:fs';
import Database, { type Statement } from 'better-sqlite3';
import * as z from 'zod';
import { type ResultBody, resultBody } from '../wire/index.ts';
import type { Db } from './schema.ts';

export interface JournalEntry {
  readonly id: string;
  readonly command: string;
  /** A command that was refused never ran, so its id is only kept for as long as it could come twice. */
  readonly state: 'started' | 'ended' | 'refused';
  readonly result: ResultBody | undefined;
}

const row = z.object({
  id: z.string(),
  command: z.string(),
  state: z.enum(['started', 'ended', 'refused']),
  result: z.string().nullable(),
});

/** Ids are kept for a week of running time: far beyond the longest time to live a command may have. */
export const KEEP_IDS_MS = 7 * 24 * 3_600_000;

/** The longest time to live a configuration may give a command (`ttl`): afterwards it is refused as expired. */
const KEEP_REFUSED_MS = 3_600_000;

const COLUMNS = 'id, command, state, result';

/** Ids kept in memory (some 2 MB at most), so that a new command need not be looked up: beyond, each is. */
const REMEMBERED_IDS = 20_000;

export class CommandJournal {
  readonly #db: Db;
  readonly #ranMs: () => number;
  readonly #statements = new Map<string, Statement>();
  /** At least all ids in the table, undefined where they are not known or too many; what is in here may still not be in the table. */
  #ids: Set<string> | undefined;
  #mayKnow = true;

  /** @param ranMs the robot's total running time, in milliseconds. */
  constructor(db: Db, ranMs: () => number) {
    this.#db = db;
    this.#ranMs = ranMs;
  }

  /** Durable when it returns. @returns false when the id was taken before. */
  begin(id: string, command: string, wallMs: number): boolean {
    this.#remember(id);
    const insert = `insert or ignore into commands (id, command, state, started_at, ran_ms) values (?, ?, 'started', ?, ?)`;
    return this.#statement(insert).run(id, command, wallMs, this.#ranMs()).changes === 1;
  }

  end(id: string, result: ResultBody): void {
    const isRefused = result.status === 'rejected' || result.status === 'expired';
    const update = 'update commands set state = ?, result = ? where id = ?';
    this.#statement(update).run(isRefused ? 'refused' : 'ended', JSON.stringify(result), id);
  }

  find(id: string): JournalEntry | undefined {
    if (this.#known()?.has(id) === false) return undefined;
    const found = this.#statement(`select ${COLUMNS} from commands where id = ?`).get(id);
    return found === undefined ? undefined : entryOf(found);
  }

  /** Commands that an earlier run began and never ended. */
  unfinished(): JournalEntry[] {
    return this.#db.prepare(`select ${COLUMNS} from commands where state = 'started'`).all().map(entryOf);
  }

  forgetOld(): void {
    const ranMs = this.#ranMs();
    this.#mayKnow = true;
    this.#db.prepare(`delete from commands where state = 'ended' and ran_ms < ?`).run(ranMs - KEEP_IDS_MS);
    this.#db.prepare(`delete from commands where state = 'refused' and ran_ms < ?`).run(ranMs - KEEP_REFUSED_MS);
  }

  #known(): Set<string> | undefined {
    if (this.#ids === undefined && this.#mayKnow) {
      const ids = this.#db
        .prepare(`select id from commands limit ${REMEMBERED_IDS + 1}`)
        .pluck()
        .all() as string[];
      this.#mayKnow = ids.length <= REMEMBERED_IDS;
      if (this.#mayKnow) this.#ids = new Set(ids);
    }
    return this.#ids;
  }

  /** Before it is written: what a failed transaction takes back does no harm here. */
  #remember(id: string): void {
    if (!this.#ids) return;
    this.#ids.add(id);
    if (this.#ids.size > REMEMBERED_IDS) [this.#ids, this.#mayKnow] = [undefined, false];
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, known);
    return known;
  }
}

export interface LoggedCommand extends JournalEntry {
  /** Wall time of its start, in milliseconds since 1970. */
  readonly startedAtMs: number;
}

/** The latest commands of an outbox file, oldest first, beside a running agent: nothing is written. */
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
