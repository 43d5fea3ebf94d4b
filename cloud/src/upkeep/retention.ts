// How long each table keeps its rows. What receipts and the accounting are read from (outboxes) and the alerts stay for ever,
// and so do the tables that the system's specification gives, unless a time is set for them.
import type { Database } from '../database/database.ts';
import { ROW_TABLES } from '../ingest/message.ts';
import { MONITOR_TABLES } from '../monitors.ts';
import { deleteOlder, dropMonths, makeMonths } from './partitions.ts';

const DAY_MS = 86_400_000;
const MAX_DAYS = 36_500;

/** Tables whose rows go one by one, with the column that says how old they are. */
const BY_COLUMN = {
  system_health: 'created_at',
  safety_monitor: 'created_at',
  poison_messages: 'received_at',
  commands: 'given_at',
} as const;

export type RetainedTable = (typeof ROW_TABLES)[number] | keyof typeof BY_COLUMN;

/** Days; null: for ever. */
export type Retention = Readonly<Record<RetainedTable, number | null>>;

export const DEFAULT_RETENTION: Retention = {
  readings: 90,
  results: 365,
  events: 365,
  commands: 365,
  poison_messages: 90,
  system_health: null,
  safety_monitor: null,
};

/** From `readings=90d,events=forever`: what is not named keeps its default. @returns what is wrong, as text. */
export function retentionFrom(text: string): Retention | string {
  const retention: Record<string, number | null> = { ...DEFAULT_RETENTION };
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const [table = '', time = ''] = part.split('=').map((word) => word.trim());
    if (!Object.hasOwn(DEFAULT_RETENTION, table)) return `${table}: expected one of ${Object.keys(DEFAULT_RETENTION).join(', ')}`;
    const days = Number(/^([1-9]\d{0,4})d$/.exec(time)?.[1]);
    if (time !== 'forever' && !(days <= MAX_DAYS)) return `${part.trim()}: expected days, such as ${table}=90d, or ${table}=forever`;
    retention[table] = time === 'forever' ? null : days;
  }
  return retention as Retention;
}

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
