// How long each table keeps its rows. What receipts and the accounting are read from (outboxes) and the alerts stay for ever,
// and so do the inherited tables (docs/reference/protocol.md), unless a time is set for them.
import type { Database } from '../database/index.ts';
import { ROW_TABLES } from '../messages/index.ts';
import { MONITOR_TABLES } from '../robots/index.ts';
import type { Retention } from '../settings/index.ts';
import { deleteOlder, dropMonths, makeMonths } from './partitions.ts';

const DAY_MS = 86_400_000;

/** Tables whose rows go one by one, with the column that says how old they are. */
const BY_COLUMN = {
  system_health: 'created_at',
  safety_monitor: 'created_at',
  poison_messages: 'received_at',
  commands: 'given_at',
} as const;

export interface Kept {
  readonly made: readonly string[];
  readonly dropped: readonly string[];
}

/** Makes the months that rows will need, and takes away what is too old. May run in several instances at once. */
export async function keep(db: Database, retention: Retention, nowMs: number): Promise<Kept> {
  const made: string[] = [];
  const dropped: string[] = [];
  for (const table of ROW_TABLES) {
    const days = retention[table];
    made.push(...(await makeMonths(db, table, (days ?? 0) * DAY_MS, nowMs)));
    if (days !== null) dropped.push(...(await dropMonths(db, table, days * DAY_MS, nowMs)));
  }
  for (const [table, column] of Object.entries(BY_COLUMN)) {
    const days = retention[table as keyof typeof BY_COLUMN];
    if (days !== null) await deleteOlder(db, table, column, nowMs - days * DAY_MS);
  }
  for (const table of MONITOR_TABLES) await db.query(`delete from ${table}_of where id < (select min(id) from ${table})`);
  return { made, dropped };
}
