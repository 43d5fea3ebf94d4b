// Notices that files which the agent has open were deleted or replaced. Whatever is written to such a file is lost with the process.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../base/index.ts';
import { OUTBOX_FILE } from '../../outbox/index.ts';

/** The identity of each file by its name; undefined if it does not exist. A file whose identity cannot be read is left out. */
export type Identities = ReadonlyMap<string, string | undefined>;

/** The name of the state directory itself. */
export const FOLDER = '.';

const WATCHED = [FOLDER, OUTBOX_FILE, `${OUTBOX_FILE}-wal`];

export function identitiesIn(folder: string): Identities {
  const found = new Map<string, string | undefined>();
  for (const name of WATCHED) {
    try {
      const { dev, ino } = statSync(join(folder, name));
      found.set(name, `${dev}:${ino}`);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') found.set(name, undefined);
    }
  }
  return found;
}

/** Has no side effects. @returns the names of files that existed and are now gone or others. */
export function lostFiles(before: Identities, now: Identities): string[] {
  return WATCHED.filter((name) => {
    const was = before.get(name);
    return was !== undefined && now.has(name) && now.get(name) !== was;
  });
}
