// Records the outcomes of commands without an id, and reads the latest commands for a person at the robot. The journal holds only commands
// with an id, because it needs the id to recognise a repetition.
import { existsSync } from 'node:fs';
import Database, { type Statement } from 'better-sqlite3';
import * as z from 'zod';
import { RESULT_REASONS, RESULT_STATUSES, type ResultBody, resultBody } from '../wire/index.ts';
import type { Db } from './schema.ts';

/** The outcome of a command. `at` is the wall time in milliseconds since the Unix epoch. */
export type Outcome = Pick<ResultBody, 'command' | 'status' | 'reason' | 'detail'> & { readonly at: number };

/** Bounds the table to about 300 kB, at 500 characters per detail. */
const KEPT = 500;

/**
 * Equal outcomes in a row share an entry, so that a flood does not displace all others: refusals within a minute, others within a second.
 */
const SHARED_WITHIN_MS = { refused: 60_000, ended: 1_000 } as const;

export function isRefused({ status }: Pick<ResultBody, 'status'>): boolean {
  return status === 'rejected' || status === 'expired';
}

export class CommandLog {
  readonly #db: Db;
  readonly #ranMs: () => number;
  readonly #share: Statement;
  readonly #insert: Statement;
  readonly #trim: Statement;

  /** @param ranMs returns the agent's running time over all runs, in milliseconds. */
  constructor(db: Db, ranMs: () => number) {
    this.#db = db;
    this.#ranMs = ranMs;
    this.#share = db.prepare(`update commands_without_id set times = times + 1, at = @at, ran_ms = @ranMs
      where n = (select max(n) from commands_without_id) and ran_ms >= @since
      and command is @command and status = @status and reason is @reason and detail is @detail`);
    this.#insert = db.prepare(`insert into commands_without_id (command, status, reason, detail, times, first_at, at, ran_ms)
      values (@command, @status, @reason, @detail, 1, @at, @at, @ranMs)`);
    this.#trim = db.prepare('delete from commands_without_id where n <= (select max(n) from commands_without_id) - ?');
  }

  /** Writes the outcomes in one transaction and deletes the oldest ones beyond the limit. @throws SQLite's error */
  write(outcomes: readonly Outcome[]): void {
    const ranMs = this.#ranMs();
    this.#db.transaction(() => {
      for (const { command = null, status, reason = null, detail = null, at } of outcomes.slice(-KEPT)) {
        const since = ranMs - SHARED_WITHIN_MS[isRefused({ status }) ? 'refused' : 'ended'];
        const values = { command, status, reason, detail, at, ranMs };
        if (this.#share.run({ ...values, since }).changes === 0) this.#insert.run(values);
      }
      this.#trim.run(KEPT);
    })();
  }
}

export interface LoggedCommand {
  /** Null if the command has no id, or none that can be read. */
  readonly id: string | null;
  /** Empty if the name cannot be read. */
  readonly command: string;
  readonly state: 'started' | 'ended' | 'refused';
  readonly result: Omit<ResultBody, 'kind' | 'id'> | undefined;
  /** Wall time at which the command was started or refused, in milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  /** How many equal outcomes in a row this entry stands for, and the wall time of the last one. */
  readonly times: number;
  readonly lastAtMs: number;
}

const withId = z
  .object({ id: z.string(), command: z.string(), state: z.enum(['started', 'ended', 'refused']), result: z.string().nullable() })
  .extend({ started_at: z.number(), ran_ms: z.number() });

const withoutId = z.object({
  command: z.string().nullable(),
  status: z.enum(RESULT_STATUSES),
  reason: z.enum(RESULT_REASONS).nullable(),
  detail: z.string().nullable(),
  times: z.number(),
  first_at: z.number(),
  at: z.number(),
  ran_ms: z.number(),
});

type Dated = LoggedCommand & { readonly ranMs: number };

/** Reads the latest commands from an outbox file, oldest first. An agent may be using the file. */
export function readCommandLog(file: string, limit: number): LoggedCommand[] {
  if (!existsSync(file)) return [];
  const db = new Database(file, { readonly: true, timeout: 2_000 });
  try {
    return [...readWithId(db, limit).reverse(), ...readWithoutId(db, limit).reverse()]
      .toSorted((a, b) => a.ranMs - b.ranMs || a.startedAtMs - b.startedAtMs)
      .slice(-limit)
      .map(({ ranMs: _, ...entry }) => entry);
  } finally {
    db.close();
  }
}

/** @returns the latest commands, newest first. */
function readWithId(db: Db, limit: number): Dated[] {
  const latest = 'select id, command, state, result, started_at, ran_ms from commands order by ran_ms desc, started_at desc limit ?';
  return db
    .prepare(latest)
    .all(limit)
    .map((found) => {
      const { result, started_at: startedAtMs, ran_ms: ranMs, ...entry } = withId.parse(found);
      const parsed = result === null ? undefined : resultBody.parse(JSON.parse(result));
      return { ...entry, result: parsed, startedAtMs, times: parsed?.times ?? 1, lastAtMs: startedAtMs, ranMs };
    });
}

/**
 * @returns the latest commands, newest first. The list is empty for a file of an earlier version, which has no such table until an agent of
 * this version opens it.
 */
function readWithoutId(db: Db, limit: number): Dated[] {
  const hasTable = db.prepare(`select 1 from sqlite_schema where name = 'commands_without_id'`).get() !== undefined;
  if (!hasTable) return [];
  return db
    .prepare('select * from commands_without_id order by n desc limit ?')
    .all(limit)
    .map((found) => {
      const { command, status, reason, detail, times, first_at: startedAtMs, at: lastAtMs, ran_ms: ranMs } = withoutId.parse(found);
      const result = { status, ...(command ? { command } : {}), ...(reason ? { reason } : {}), ...(detail ? { detail } : {}) };
      const state = isRefused({ status }) ? ('refused' as const) : ('ended' as const);
      return { id: null, command: command ?? '', state, result, startedAtMs, times, lastAtMs, ranMs };
    });
}
