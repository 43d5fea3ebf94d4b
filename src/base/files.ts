// Replaces files durably: after a power cut a file has its complete old content or its complete new content. Finds the cause of a failed
// mkdir.
import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './foreign.ts';

/** Writes a small file durably. Creates the folder if it is missing. @throws the error of the disk. The old content then stays. */
export function replaceFile(file: string, content: string | Uint8Array, mode = 0o600): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  writeFileSync(temporary, content, { mode });
  renameDurably(temporary, file);
}

/** Moves a complete file to its final name: fsync of the file, rename, fsync of the folder. */
export function renameDurably(from: string, to: string): void {
  syncPath(from);
  renameSync(from, to);
  syncPath(dirname(to));
}

/** Calls fsync for a file or a folder. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Node's recursive mkdir reports ENOENT for the missing folder if its parent is read-only.
 * @returns the error of the nearest existing folder above `path` if that folder is not writable, else `error`.
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
