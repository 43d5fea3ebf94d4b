// Erases files with secrets: overwrites them with random bytes, then removes them. On flash media the old blocks may survive, because the
// medium writes new bytes to other blocks; only disk encryption makes sure (docs/guide/certificates.md, Decommissioning).
import { randomFillSync } from 'node:crypto';
import { closeSync, constants, fsyncSync, lstatSync, openSync, readdirSync, rmdirSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncPath } from './files.ts';
import { codeOf, messageOf } from './foreign.ts';

const CHUNK_BYTES = 1024 ** 2;

const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'its file system is read-only',
  EACCES: 'this user may not write it',
  EPERM: 'this user may not remove it',
  EBUSY: 'it is in use',
};

/**
 * Erases a file durably. Repeating it after a kill finishes the work. A file that something else may use under another name stays.
 * @returns why the file is still there; undefined if it is gone.
 */
export function eraseFile(path: string): string | undefined {
  try {
    const found = lstatSync(path);
    if (found.isSymbolicLink()) return 'it is a symbolic link, so something else may use its target';
    if (!found.isFile()) return 'it is not a regular file';
    if (found.nlink > 1) return 'it has another name (a hard link), under which something else may use it';
    overwrite(path, found.size);
    unlinkSync(path);
    syncPath(dirname(path));
    return undefined;
  } catch (error) {
    const code = codeOf(error) ?? '';
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : (REASONS[code] ?? messageOf(error));
  }
}

/** Erases a file or a folder with its content, but nothing behind a link. @returns why each remaining path is still there. */
export function eraseTree(path: string): (readonly [path: string, reason: string])[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (found.isFile()) return kept(path, eraseFile(path));
  try {
    if (!found.isDirectory()) {
      unlinkSync(path);
      return [];
    }
    const inside = readdirSync(path).flatMap((name) => eraseTree(join(path, name)));
    if (inside.length === 0) rmdirSync(path);
    return inside;
  } catch (error) {
    return kept(path, REASONS[codeOf(error) ?? ''] ?? messageOf(error));
  }
}

function kept(path: string, reason: string | undefined): [string, string][] {
  return reason === undefined ? [] : [[path, reason]];
}

function overwrite(path: string, size: number): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    const bytes = Buffer.alloc(Math.min(size, CHUNK_BYTES));
    for (let at = 0; at < size; at += bytes.length) {
      randomFillSync(bytes);
      writeSync(descriptor, bytes, 0, Math.min(bytes.length, size - at), at);
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
