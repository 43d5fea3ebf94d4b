// Which upload goes first, and which is dropped first if space runs out. Pictures that the family waits for leave first and are dropped last.
// Pure.
import type { UploadRow } from '../outbox/index.ts';

type Ranked = Pick<UploadRow, 'kind' | 'incident' | 'takenAtMs' | 'size'>;

/** 0 is the most urgent. Every file of an incident comes before all other files. */
export function urgency({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): number {
  const rank = KINDS.indexOf(kind);
  return incident === null ? rank + KINDS.length : rank;
}

const KINDS: readonly string[] = ['snapshot', 'clip', 'log', 'backup'];

/** A picture that a person waits for. */
export function isPictureOfIncident({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): boolean {
  return incident !== null && (kind === 'snapshot' || kind === 'clip');
}

/** A slice of a log or backup; the robot remembers how much of the whole is spooled. */
export function isSlice({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): boolean {
  return incident === null && (kind === 'log' || kind === 'backup');
}

/** Files whose upload is interrupted for a picture of an incident. */
export function givesWay({ kind }: Pick<Ranked, 'kind'>): boolean {
  return kind === 'log' || kind === 'backup';
}

/** 0 is dropped first: logs, clips, snapshots of no incident, backups, and last the snapshots of incidents. */
function worth({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): number {
  if (kind === 'log') return 0;
  if (kind === 'clip') return 1;
  if (kind === 'backup') return 3;
  return incident === null ? 2 : 4;
}

/** After this many failures of its own, a file goes behind all others, so that it does not block them forever. */
export const PATIENCE = 3;

/**
 * @param failed how often a file failed by itself.
 * @returns the most urgent row. Among equals: of incidents' pictures the newest, else the oldest.
 */
export function first<T extends Ranked>(rows: readonly T[], failed: (row: T) => number): T | undefined {
  const stubborn = (row: T) => (failed(row) >= PATIENCE ? failed(row) : 0);
  const newestFirst = (row: T) => (isPictureOfIncident(row) ? -row.takenAtMs : row.takenAtMs);
  return rows.toSorted((a, b) => stubborn(a) - stubborn(b) || urgency(a) - urgency(b) || newestFirst(a) - newestFirst(b))[0];
}

/**
 * @param maxBytes bytes that the rows may take.
 * @returns the rows to drop so that the rest fits: the least valuable first, and among these the oldest.
 */
export function overLimit<T extends Ranked>(rows: readonly T[], maxBytes: number): T[] {
  let over = rows.reduce((sum, { size }) => sum + size, 0) - maxBytes;
  return rows
    .toSorted((a, b) => worth(a) - worth(b) || a.takenAtMs - b.takenAtMs)
    .filter(({ size }) => {
      if (over <= 0) return false;
      over -= size;
      return true;
    });
}
