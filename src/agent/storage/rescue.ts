// Saves what an open outbox file holds after it was deleted or replaced: SQLite can still read it. The rows go to the stand-in, from which the
// next start takes them (src/agent/outbox/queue.ts).
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../logs/index.ts';
import { type Db, OUTBOX_FILE, rescueOutbox } from '../../outbox/index.ts';
import { makeStandIn, type Storage } from '../../state/index.ts';
import { FOLDER } from './lostFiles.ts';

/**
 * Never throws, because it runs while the agent stops. Without the rows, the next start declares them as lost.
 * @param lost the names of the files that were deleted or replaced.
 */
export function rescue(db: Db, { home, folder }: Storage, lost: readonly string[], maxBytes: number, log: Logger): void {
  try {
    const file = join(makeStandIn(home), OUTBOX_FILE);
    // While the stand-in is in use, its file may be the open one.
    const isOpen = file === join(folder, OUTBOX_FILE) && existsSync(file);
    if (!isOpen) rescueOutbox(db, file, maxBytes);
    // SQLite would apply the WAL of the deleted file to the file that replaced it.
    if (lost.includes(OUTBOX_FILE) && !lost.includes(FOLDER))
      for (const suffix of ['-wal', '-shm']) rmSync(join(folder, `${OUTBOX_FILE}${suffix}`), { force: true });
  } catch (error) {
    log.error({ event: 'rescue_failed', err: error }, 'the rows of the lost outbox file could not be saved');
  }
}
