// The command journal: which command ids were taken, and what became of them. A start is on disk before the command's ROS
// message exists; what is found started at the next start ended in a way nobody knows, and is never run again.
import * as z from 'zod';
import { type ResultBody, resultBody } from '../wire/index.ts';
import type { Db } from './schema.ts';

export interface JournalEntry {
  readonly id: string;
  readonly command: string;
  readonly state: 'started' | 'ended';
  readonly result: ResultBody | undefined;
}

const row = z.object({ id: z.string(), command: z.string(), state: z.enum(['started', 'ended']), result: z.string().nullable() });

/** Ids are kept for a week of running time: far beyond the longest time to live a command may have. */
export const KEEP_IDS_MS = 7 * 24 * 3_600_000;

export class CommandJournal {
  readonly #db: Db;
  readonly #ranMs: () => number;

  /** @param ranMs the robot's total running time, in milliseconds. */
  constructor(db: Db, ranMs: () => number) {
    this.#db = db;
    this.#ranMs = ranMs;
  }

  /** Durable when it returns. @returns false when the id was taken before. */
  begin(id: string, command: string, wallMs: number): boolean {
    const { changes } = this.#db
      .prepare(`insert or ignore into commands (id, command, state, started_at, ran_ms) values (?, ?, 'started', ?, ?)`)
      .run(id, command, wallMs, this.#ranMs());
    return changes === 1;
  }

  end(id: string, result: ResultBody): void {
    this.#db.prepare(`update commands set state = 'ended', result = ? where id = ?`).run(JSON.stringify(result), id);
  }

  find(id: string): JournalEntry | undefined {
    const found = this.#db.prepare('select id, command, state, result from commands where id = ?').get(id);
    return found === undefined ? undefined : entryOf(found);
  }

  /** Commands that an earlier run began and never ended. */
  unfinished(): JournalEntry[] {
    return this.#db.prepare(`select id, command, state, result from commands where state = 'started'`).all().map(entryOf);
  }

  forgetOld(): void {
    this.#db.prepare(`delete from commands where state = 'ended' and ran_ms < ?`).run(this.#ranMs() - KEEP_IDS_MS);
  }
}

function entryOf(found: unknown): JournalEntry {
  const { result, ...entry } = row.parse(found);
  return { ...entry, result: result === null ? undefined : resultBody.parse(JSON.parse(result)) };
}
