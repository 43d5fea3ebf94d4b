// Says that the disk fills up before anything can't be written: what fills it is mostly not ours.
import { statfs } from 'node:fs/promises';
import { every, type Ticker } from '../clock/index.ts';
import { LEAST_FREE_BYTES } from '../outbox/index.ts';
import type { Problems } from '../status/index.ts';

const LOOK_EVERY_MS = 10_000;

/** Free space that swings about the limit is one problem. */
const GAP = 1.5;

const MIB = 1024 ** 2;

/** Pure: whether there is too little now, given whether there was. */
export function isShort(freeBytes: number, wasShort: boolean): boolean {
  return freeBytes < LEAST_FREE_BYTES * (wasShort ? GAP : 1);
}

export function watchDisk(stateDir: string, problems: Problems): Ticker {
  let short = false;
  const look = async () => {
    // What can't be asked is not short; that it can't be written to is said by who writes.
    const found = await statfs(stateDir).catch(() => undefined);
    if (!found) return;
    const freeBytes = found.bavail * found.bsize;
    short = isShort(freeBytes, short);
    if (short) problems.raise('disk_low', `${(freeBytes / MIB).toFixed(1)} MiB free at ${stateDir}`);
    else problems.clear('disk_low');
  };
  void look();
  return every(LOOK_EVERY_MS, () => void look());
}
