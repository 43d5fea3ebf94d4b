// Replaces files atomically and durably: after a power cut, a file has either its complete old or its complete new content. Writes files for
// other users, and finds out why mkdir failed.
import { accessSync, closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './foreign.ts';

/** Replaces a small file atomically and durably, creating its directory if necessary. @throws an error from the file system. */
export function replaceFile(file: string, content: string | Uint8Array, mode = 0o600): void {
  makeFolder(dirname(file));
  const temporary = `${file}.new`;
  writeFileSync(temporary, content, { mode });
  renameDurably(temporary, file);
}

/** The umask with which this process was started; undefined until `keepFilesPrivate`. */
let givenMask: number | undefined;

/** Makes all new files private to this user, except those that `writeShared` writes. */
export function keepFilesPrivate(): void {
  givenMask ??= process.umask(0o077);
}

/** Writes a file for other users too, such as a configuration, a certificate or a unit, and creates its folder. */
export function writeShared(file: string, content: string | Uint8Array, mode = 0o666): void {
  const mask = givenMask === undefined ? undefined : process.umask(givenMask);
  try {
    makeFolder(dirname(file));
    writeFileSync(file, content, { mode });
  } finally {
    if (mask !== undefined) process.umask(mask);
  }
}

/** Whether the file system refused a write because the disk, or this user's share of it, is full. */
export function isNoSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '');
}

/**
 * Creates a folder and its missing parents. With `recursive`, Node.js 24 never returns if a file system answers ENOENT for a new folder in an
 * existing one, as /proc does.
 * @throws an error from the file system
 */
export function makeFolder(folder: string, mode = 0o777): void {
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if (existsSync(folder) && statSync(folder).isDirectory()) return;
    const parent = dirname(folder);
    if (codeOf(error) !== 'ENOENT' || existsSync(parent)) throw error;
    makeFolder(parent, mode);
    makeFolder(folder, mode);
  }
}

/** Renames a completely written file durably: syncs the file, renames it, and syncs the directory. */
export function renameDurably(from: string, to: string): void {
  syncPath(from);
  renameSync(from, to);
  syncPath(dirname(to));
}

/** Whether this user may write into a directory, or may create it. */
export function isWritable(directory: string): boolean {
  for (let folder = directory; ; folder = dirname(folder)) {
    try {
      accessSync(folder, constants.W_OK | constants.X_OK);
      return true;
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT' || folder === dirname(folder)) return false;
    }
  }
}

/** Calls fsync on a file or directory. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Finds out why a recursive mkdir failed. If the parent is not writable, Node only reports ENOENT for the missing directory.
 * @returns the error for the nearest existing ancestor of `path` if that is not writable, otherwise `error`.
 */
export function nearestCause(error: unknown, path: string): unknown {
  if (codeOf(error) !== 'ENOENT') return error;
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      accessSync(folder, constants.W_OK);
      return error;
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') return cause;
      if (folder === dirname(folder)) return error;
    }
  }
}
