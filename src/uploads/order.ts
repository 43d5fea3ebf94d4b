// Decides in which order files are uploaded, and in which order they are dropped if space runs out. An incident's snapshots are uploaded
// first and dropped last.
import type { UploadRow } from '../outbox/index.ts';
import { UPLOAD_KINDS } from './item.ts';

type Kind = Pick<UploadRow, 'kind' | 'incident'>;
type Ranked = Kind & Pick<UploadRow, 'takenAtMs' | 'size'>;

const KINDS: readonly string[] = UPLOAD_KINDS;

/** Lower is more urgent. Every file that belongs to an incident precedes all other files. */
function urgency({ kind, incident }: Kind): number {
  const rank = KINDS.indexOf(kind);
  return incident === null ? rank + KINDS.length : rank;
}

/** Whether the family is waiting for this file: a picture that belongs to an incident. */
export function isPictureOfIncident({ kind, incident }: Kind): boolean {
  return incident !== null && (kind === 'snapshot' || kind === 'clip');
}

/** Whether the file is part of a log or backup. The database records how much of these has been spooled, so lost parts are cut again. */
export function isSlice({ kind, incident }: Kind): boolean {
  return incident === null && (kind === 'log' || kind === 'backup');
}

/** Whether this file's upload is interrupted for an incident's picture. */
export function isInterruptible({ kind }: Kind): boolean {
  return kind === 'log' || kind === 'backup';
}

/** Lower values are dropped first: logs, clips, snapshots without an incident, backups, and finally incidents' snapshots. */
function value({ kind, incident }: Kind): number {
  if (kind === 'log') return 0;
  if (kind === 'clip') return 1;
  if (kind === 'backup') return 3;
  return incident === null ? 2 : 4;
}

/** After this many failures, a file is only tried after all others, so that it cannot block them. */
export const MAX_FAILURES = 3;

/**
 * @param failures returns how often this particular file has failed.
 * @returns the most urgent row. If several are equally urgent, an incident's newest picture or else the oldest file.
 */
export function mostUrgent<T extends Ranked>(rows: readonly T[], failures: (row: T) => number): T | undefined {
  const penalty = (row: T) => (failures(row) >= MAX_FAILURES ? failures(row) : 0);
  const newestFirst = (row: T) => (isPictureOfIncident(row) ? -row.takenAtMs : row.takenAtMs);
  return rows.toSorted((a, b) => penalty(a) - penalty(b) || urgency(a) - urgency(b) || newestFirst(a) - newestFirst(b))[0];
}

/** Each file also has a row of up to 500 bytes in the outbox, so this many files take at most 2 MB there, however small they are. */
export const MOST_FILES = 4_000;

/**
 * Returns the rows to drop so that the rest fits into `maxBytes` and {@link MOST_FILES}, starting with the least valuable and, among equals,
 * the oldest.
 */
export function rowsToDrop<T extends Ranked>(rows: readonly T[], maxBytes: number): T[] {
  let excess = rows.reduce((sum, { size }) => sum + size, 0) - maxBytes;
  let excessFiles = rows.length - MOST_FILES;
  return rows
    .toSorted((a, b) => value(a) - value(b) || a.takenAtMs - b.takenAtMs)
    .filter(({ size }) => {
      if (excess <= 0 && excessFiles <= 0) return false;
      excess -= size;
      excessFiles -= 1;
      return true;
    });
}
