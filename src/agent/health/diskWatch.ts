// Raises a problem before the disk is full; other programs usually fill it.
import { statfs } from 'node:fs/promises';
import { every, type Ticker } from '../../base/index.ts';
import { LEAST_FREE_BYTES, LEAST_FREE_FILES } from '../../outbox/index.ts';
import type { Problems, Status } from '../../status/index.ts';

const LOOK_EVERY_MS = 10_000;

/** Hysteresis: the problem ends at this multiple of the limit. */
const GAP = 1.5;

const MIB = 1024 ** 2;

type Free = Status['disk'];

export interface DiskWatch extends Ticker {
  /** Free space at the last look. */
  readonly free: Free;
}

/** Pure: whether there is too little free space. Unknown values count as enough. */
export function isShort({ free_bytes: bytes, free_files: files }: Free, wasShort: boolean): boolean {
  const gap = wasShort ? GAP : 1;
  return (bytes !== null && bytes < LEAST_FREE_BYTES * gap) || (files !== null && files < LEAST_FREE_FILES * gap);
}

export function watchDisk(stateDir: string, problems: Problems): DiskWatch {
  let free: Free = { free_bytes: null, free_files: null };
  let short = false;
  const look = async () => {
    // An unknown value counts as enough. A failing write raises its own problem.
    const found = await statfs(stateDir).catch(() => undefined);
    if (!found) return;
    // On file systems without fixed inodes, such as btrfs, both are 0.
    free = { free_bytes: found.bavail * found.bsize, free_files: found.files > 0 ? found.ffree : null };
    short = isShort(free, short);
    if (short) problems.raise('disk_low', described(free, stateDir));
    else problems.clear('disk_low');
  };
  void look();
  const ticker = every(LOOK_EVERY_MS, () => void look());
  return {
    get free() {
      return free;
    },
    stop: () => ticker.stop(),
  };
}

function described({ free_bytes: bytes, free_files: files }: Free, stateDir: string): string {
  const inodes = files === null ? '' : `, and inodes for ${files} more files,`;
  return `${((bytes ?? 0) / MIB).toFixed(1)} MiB free${inodes} at ${stateDir}`;
}
