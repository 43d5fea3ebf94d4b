// Durable replacement of files: after a power cut the name leads to the whole old content or to the whole new content.
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes a small file durably. Creates its folder if that is missing. @throws the disk's error; then the old content stays. */
export function replaceFile(file: string, content: string | Uint8Array, mode = 0o600): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  writeFileSync(temporary, content, { mode });
  renameDurably(temporary, file);
}

/** Gives a finished file its name: fsync of the file, rename, fsync of the folder. */
export function renameDurably(from: string, to: string): void {
  syncPath(from);
  renameSync(from, to);
  syncPath(dirname(to));
}

/** fsync of a file or a folder. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
