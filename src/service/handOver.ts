// Gives the files of one user to another, as when the service gets a user of its own. The old user's programs may change names below the
// folder at any moment. So every name is opened relative to the descriptor of its folder, without following a link, and the owner is
// changed through the descriptor: only files that belong to the old user can change hands.
import { closeSync, constants, fchownSync, fstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/index.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface HandOver {
  /** How many files and folders changed hands. */
  readonly given: number;
  /** Paths that were left as they are, each with its reason. */
  readonly left: readonly string[];
}

/** Without O_NONBLOCK, opening a pipe waits for a writer. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** @param path need not exist. @param what `tree`: a file, or a folder with all that it contains. */
export function handOver(path: string, what: 'file' | 'tree', from: number, to: Owner): HandOver {
  const left: string[] = [];
  let given = 0;
  const visit = (name: string, shown: string, device: number | undefined): void => {
    const fd = opened(name);
    if (typeof fd === 'string') {
      if (fd !== 'ENOENT') left.push(`${shown}: ${REASONS[fd] ?? fd}`);
      return;
    }
    try {
      const stats = fstatSync(fd);
      const refusal = what === 'file' && stats.isDirectory() ? 'a folder' : refusalOf(stats, { from, to: to.uid, device });
      if (refusal !== undefined) {
        left.push(`${shown}: ${refusal}`);
        return;
      }
      if (stats.uid === from) {
        fchownSync(fd, to.uid, to.gid);
        given += 1;
      }
      if (!stats.isDirectory()) return;
      const folder = `/proc/self/fd/${fd}`;
      for (const child of readdirSync(folder)) visit(join(folder, child), join(shown, child), stats.dev);
    } finally {
      closeSync(fd);
    }
  };
  visit(path, path, undefined);
  return { given, left };
}

const REASONS: Readonly<Record<string, string>> = { ELOOP: 'a symbolic link', ENXIO: 'a socket' };

/** @returns the descriptor, or the code of the error. */
function opened(name: string): number | string {
  try {
    return openSync(name, FLAGS);
  } catch (error) {
    return codeOf(error) ?? 'unreadable';
  }
}

function refusalOf(stats: Stats, { from, to, device }: { from: number; to: number; device: number | undefined }): string | undefined {
  if (!stats.isFile() && !stats.isDirectory()) return 'neither a file nor a folder';
  const { uid } = stats;
  // A folder of root may contain files of the old user.
  if (uid !== from && uid !== to && !(uid === 0 && stats.isDirectory())) return `belongs to user ${uid}`;
  if (stats.isFile() && stats.nlink > 1) return 'has another name elsewhere (a hard link)';
  return device !== undefined && stats.dev !== device ? 'on another file system' : undefined;
}
