// Which upload goes first, and which is given up first where there is no room: what the family waits for leaves before anything
// else and is the last to be let go. Pure.
import type { UploadRow } from '../outbox/index.ts';

type Ranked = Pick<UploadRow, 'kind' | 'incident' | 'takenAtMs' | 'size'>;

/** 0 is the most urgent. */
export function urgency({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): number {
  if (kind === 'snapshot') return incident === null ? 2 : 0;
  if (kind === 'clip') return incident === null ? 3 : 1;
  return kind === 'log' ? 4 : 5;
}

/** 0 is given up first: logs, clips, snapshots of no incident, backups, and an incident's snapshots last. */
function worth({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): number {
  if (kind === 'log') return 0;
  if (kind === 'clip') return 1;
  if (kind === 'backup') return 3;
  return incident === null ? 2 : 4;
}

/** The most urgent; of equals an incident's newest, else the oldest. */
export function first<T extends Ranked>(rows: readonly T[]): T | undefined {
  const newestFirst = (row: T) => (urgency(row) <= 1 ? -row.takenAtMs : row.takenAtMs);
  return rows.toSorted((a, b) => urgency(a) - urgency(b) || newestFirst(a) - newestFirst(b))[0];
}

/**
 * @param room bytes that may be used.
 * @returns the rows to give up so that the rest fits, those of least worth and of these the oldest first.
 */
export function surplus<T extends Ranked>(rows: readonly T[], room: number): T[] {
  let over = rows.reduce((sum, { size }) => sum + size, 0) - room;
  return rows
    .toSorted((a, b) => worth(a) - worth(b) || a.takenAtMs - b.takenAtMs)
    .filter(({ size }) => {
      if (over <= 0) return false;
      over -= size;
      return true;
    });
}
