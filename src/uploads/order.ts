// Defines the order of uploads, and the order in which they are dropped if space runs out. The pictures of incidents are uploaded first and
// dropped last. Pure.
import type { UploadRow } from '../outbox/index.ts';
import { UPLOAD_KINDS } from './item.ts';

type Kind = Pick<UploadRow, 'kind' | 'incident'>;
type Ranked = Kind & Pick<UploadRow, 'takenAtMs' | 'size'>;

const KINDS: readonly string[] = UPLOAD_KINDS;

/** 0 is the most urgent. Files of incidents precede all other files. */
function urgency({ kind, incident }: Kind): number {
  const rank = KINDS.indexOf(kind);
  return incident === null ? rank + KINDS.length : rank;
}

/** The family waits for these pictures. */
export function isPictureOfIncident({ kind, incident }: Kind): boolean {
  return incident !== null && (kind === 'snapshot' || kind === 'clip');
}

/** Whether the file is a slice of a log or backup, whose progress is also in the database. */
export function isSlice({ kind, incident }: Kind): boolean {
  return incident === null && (kind === 'log' || kind === 'backup');
}

/** Whether a picture of an incident interrupts the upload of this file. */
export function isInterruptible({ kind }: Kind): boolean {
  return kind === 'log' || kind === 'backup';
}

/** 0 is dropped first: logs, then clips, snapshots without an incident, backups, and last the snapshots of incidents. */
function value({ kind, incident }: Kind): number {
  if (kind === 'log') return 0;
  if (kind === 'clip') return 1;
  if (kind === 'backup') return 3;
  return incident === null ? 2 : 4;
}

/** After this many failures, a file moves behind all others, so that it never blocks them. */
export const MAX_FAILURES = 3;

/**
 * @param failures how often this file failed, while others may have worked.
 * @returns the most urgent row. Among equals: the newest picture of an incident, otherwise the oldest file.
 */
export function mostUrgent<T extends Ranked>(rows: readonly T[], failures: (row: T) => number): T | undefined {
  const penalty = (row: T) => (failures(row) >= MAX_FAILURES ? failures(row) : 0);
  const newestFirst = (row: T) => (isPictureOfIncident(row) ? -row.takenAtMs : row.takenAtMs);
  return rows.toSorted((a, b) => penalty(a) - penalty(b) || urgency(a) - urgency(b) || newestFirst(a) - newestFirst(b))[0];
}

/** @returns the rows to drop so that the rest fits into `maxBytes`: the least valuable first, and of equal value the oldest first. */
export function rowsToDrop<T extends Ranked>(rows: readonly T[], maxBytes: number): T[] {
  let excess = rows.reduce((sum, { size }) => sum + size, 0) - maxBytes;
  return rows
    .toSorted((a, b) => value(a) - value(b) || a.takenAtMs - b.takenAtMs)
    .filter(({ size }) => {
      if (excess <= 0) return false;
      excess -= size;
      return true;
    });
}
