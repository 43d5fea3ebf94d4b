// Which upload goes first, and which is given up first where there is no room: what the family waits for leaves before anything
// else and is the last to be let go. Pure.
import type { UploadRow } from '../outbox/index.ts';

type Ranked = Pick<UploadRow, 'kind' | 'incident' | 'takenAtMs' | 'size'>;

/** 0 is the most urgent: what belongs to an incident first, a log's part of it too. */
export function urgency({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): number {
  const rank = KINDS.indexOf(kind);
  return incident === null ? rank + KINDS.length : rank;
}

const KINDS: readonly string[] = ['snapshot', 'clip', 'log', 'backup'];

/** What somebody waits for. */
export function isPictureOfIncident({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): boolean {
  return incident !== null && (kind === 'snapshot' || kind === 'clip');
}

/** A part of what is longer than one object, and of which the robot remembers how far it is sent. */
export function isSlice({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): boolean {
  return incident === null && (kind === 'log' || kind === 'backup');
}

/** What gives way to such a picture. */
export function givesWay({ kind }: Pick<Ranked, 'kind'>): boolean {
  return kind === 'log' || kind === 'backup';
}

/** 0 is given up first: logs, clips, snapshots of no incident, backups, and an incident's snapshots last. */
function worth({ kind, incident }: Pick<Ranked, 'kind' | 'incident'>): number {
  if (kind === 'log') return 0;
  if (kind === 'clip') return 1;
  if (kind === 'backup') return 3;
  return incident === null ? 2 : 4;
}

/** So often a file may fail by itself before it stands behind all others: it must not hold them up for ever. */
export const PATIENCE = 3;

/**
 * The most urgent; of equals an incident's newest, else the oldest.
 * @param failed how often a file failed by itself.
 */
export function first<T extends Ranked>(rows: readonly T[], failed: (row: T) => number): T | undefined {
  const stubborn = (row: T) => (failed(row) >= PATIENCE ? failed(row) : 0);
  const newestFirst = (row: T) => (isPictureOfIncident(row) ? -row.takenAtMs : row.takenAtMs);
  return rows.toSorted((a, b) => stubborn(a) - stubborn(b) || urgency(a) - urgency(b) || newestFirst(a) - newestFirst(b))[0];
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
