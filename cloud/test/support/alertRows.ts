// Rows that raise and clear an alert, and what the tests of alerts read and write beside them.
import { type Alert, listAlerts } from '../../src/alerts/alerts.ts';
import type { Database } from '../../src/database/database.ts';

export const RAISED_AT = 1_763_929_000_001;
export const CLEARED_AT = 1_763_929_060_000;

export const raised = (seq: number, incident?: string): unknown[] => [
  seq,
  RAISED_AT,
  'fall',
  true,
  { alert: 'raised', ...(incident && { incident }) },
];
export const cleared = (seq: number, incident?: string, occurrences?: number): unknown[] => [
  seq,
  CLEARED_AT,
  'fall',
  false,
  { alert: 'cleared', ...(incident && { incident }), ...(occurrences && { occurrences }) },
];

export function alertsOf(db: Database, thing: string): Promise<Alert[]> {
  return listAlerts(db, { thing, limit: 10 });
}

let users = 0;

export async function newUser(db: Database): Promise<number> {
  const [user] = await db.query<{ id: number }>('insert into users (phone, hashed_password) values ($1, $2) returning id', [
    `${process.pid}-${++users}`,
    'x',
  ]);
  return user?.id ?? 0;
}
