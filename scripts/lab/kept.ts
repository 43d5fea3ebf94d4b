// Reads the second and the third ledger: the agent's outbox file, and the cloud's database.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { ReadingValue } from '../../src/wire/index.ts';
import type { Kept } from './ledgers.ts';

/** Readings in the outbox of a stopped agent, acknowledged or not. */
export function heldReadings(stateDir: string): Kept[] {
  const db = new Database(join(stateDir, 'outbox.db'), { readonly: true });
  try {
    const rows = db
      .prepare(`select o.id as outbox, r.seq, r.channel, r.body from rows r join outboxes o on o.ordinal = r.outbox where r.channel <> ''`)
      .all() as { outbox: string; seq: number; channel: string; body: string }[];
    return rows.map(({ outbox, seq, channel, body }) => {
      const [value] = JSON.parse(`[${body}]`) as [ReadingValue];
      return { outbox, seq, channel, value };
    });
  } finally {
    db.close();
  }
}

/** Anything that runs SQL: a pg client or PGlite. */
export interface Queries {
  query(sql: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

export async function committedReadings(database: Queries): Promise<Kept[]> {
  const { rows } = await database.query('select outbox, seq, channel, value from readings where unread is null');
  return (rows as { outbox: string; seq: string | number; channel: string; value: ReadingValue }[]).map((row) => ({
    ...row,
    seq: Number(row.seq),
  }));
}

/** Rows of any kind that were declared evicted and never committed. */
export async function evictedRows(database: Queries): Promise<number> {
  const { rows } = await database.query(
    `select coalesce(sum(upper(r) - lower(r)), 0) as n from outboxes, unnest(evicted - committed) as r`,
  );
  return Number((rows as { n: string | number }[])[0]?.n ?? 0);
}
