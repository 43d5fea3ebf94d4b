// Remembers since when the journal has been complete. A restored, repaired or replaced file lacks commands that ran before, so a command from
// that time could run twice. Times are running times, because the wall clock of a robot that has just started may be wrong.
import type { Db } from './schema.ts';
import { Notes } from './tables.ts';

const NOTE = 'journal complete since';
/** The running time is known only to the next agent. */
const NEXT_START = 'next start';

/** Must be called on a file whose journal may lack commands. */
export function markIncomplete(db: Db): void {
  new Notes(db).write(NOTE, NEXT_START);
}

/** @returns the running time since which the journal has been complete; undefined if it always was. */
export function completeSince(db: Db, ranMs: number): number | undefined {
  const notes = new Notes(db);
  const text = notes.read(NOTE);
  if (text === undefined) return undefined;
  const since = Number(text);
  // A number ahead of the running time is of another robot.
  if (Number.isFinite(since) && since <= ranMs) return since;
  try {
    notes.write(NOTE, String(ranMs));
  } catch {
    // The disk is full. The next start takes its own running time, which only refuses more.
  }
  return ranMs;
}
