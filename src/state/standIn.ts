// Finds the stand-in: a folder in memory that replaces the state directory while that cannot be written. Its name follows from the state
// directory, so that the next start and the other commands find it.
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, lstatSync, mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';

/** The types of file systems in memory: `tmpfs` and `ramfs` (`man statfs`). On any other, the stand-in might be on the failed disk. */
const IN_MEMORY = [0x01021994, 0x858458f6];

/** A stand-in needs an empty outbox file with its WAL and ballast, and space for alerts. */
const LEAST_BYTES = 8 * 1024 ** 2;

/**
 * Returns the folders that may contain a stand-in: systemd's runtime directory of the service, which a command outside the service finds under
 * its default path, the user's runtime directory, and shared memory, which every Linux has.
 */
function places({ RUNTIME_DIRECTORY, XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): string[] {
  const given = [RUNTIME_DIRECTORY?.split(':')[0], '/run/elderly-bot', XDG_RUNTIME_DIR, '/dev/shm'];
  return [...new Set(given.filter((place): place is string => Boolean(place)))];
}

function standInPaths(stateDir: string, env: NodeJS.ProcessEnv): string[] {
  const name = createHash('sha256').update(stateDir).digest('hex').slice(0, 12);
  // Another user may have taken the first name in /dev/shm.
  const suffixes = ['', ...Array.from({ length: 9 }, (_, n) => `-${n + 1}`)];
  return places(env).flatMap((place) => suffixes.map((suffix) => join(place, `elderly-bot-${process.geteuid?.() ?? 0}-${name}${suffix}`)));
}

/** Returns the stand-in that exists; undefined if there is no stand-in. A folder of another user does not count. */
export function findStandIn(stateDir: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return standInPaths(stateDir, env).find(isOurs);
}

/** Returns the stand-in, which is created if it does not exist. @throws AgentError STATE_DIR_UNWRITABLE if no file system in memory is usable */
export function makeStandIn(stateDir: string, env: NodeJS.ProcessEnv = process.env): string {
  const found = findStandIn(stateDir, env);
  if (found !== undefined) return found;
  for (const folder of standInPaths(stateDir, env)) if (isInMemory(join(folder, '..')) && isMade(folder)) return folder;
  throw new AgentError('STATE_DIR_UNWRITABLE', `state_dir ${stateDir} can't be written, and neither can any file system in memory`, {
    remedy: 'repair the disk, or set RUNTIME_DIRECTORY to a folder in a tmpfs that this user can write to',
  });
}

function isInMemory(place: string): boolean {
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    const { type, bavail, bsize } = statfsSync(place);
    return IN_MEMORY.includes(type) && bavail * bsize >= LEAST_BYTES;
  } catch {
    return false;
  }
}

function isMade(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

/** Anyone may create a folder in /dev/shm, so trust only one that belongs to this user and is closed to others. */
function isOurs(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const found = lstatSync(folder);
  return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0;
}
