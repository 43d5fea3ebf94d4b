// Removes shared-memory ports that killed programs with a faked clock left behind. Such a port says that its reader was alive in the
// future, so Fast DDS does not notice the death of later readers, and the next test in the same domain would receive nothing.
import { closeSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = '/dev/shm';
const PORT = /^fastdds_port\d+$/;
const MAPPED = /\/dev\/shm\/fastdds_port\d+$/gm;
/** Byte offset of the last-alive time in a port's file of Fast DDS 3.2. */
const SEEN_AT = 256;
const AHEAD_MS = 5_000;

/** Removes such ports that no program has open. */
export function forgetTheFuture(): void {
  const ahead = entries(FOLDER).filter((name) => PORT.test(name) && seenMs(join(FOLDER, name)) > Date.now() + AHEAD_MS);
  if (ahead.length === 0) return;
  const open = new Set(entries('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? (mapsOf(pid).match(MAPPED) ?? []) : [])));
  for (const name of ahead) if (!open.has(join(FOLDER, name))) rmSync(join(FOLDER, name), { force: true });
}

function seenMs(file: string): number {
  try {
    const fd = openSync(file, 'r');
    const stamp = Buffer.alloc(8);
    const isWhole = readSync(fd, stamp, 0, stamp.length, SEEN_AT) === stamp.length;
    closeSync(fd);
    return isWhole ? Number(stamp.readBigInt64LE()) : 0;
  } catch {
    return 0;
  }
}

function mapsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'latin1');
  } catch {
    return '';
  }
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
