// Reads a small text file that may have been replaced by something else while the program runs: a pipe without a writer would block the
// program for ever, and a large file would fill its memory.
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';

export interface SmallFile {
  readonly text: string;
  /** The permissions. */
  readonly mode: number;
}

const MOST_BYTES = 1024 ** 2;

/** Without O_NONBLOCK, opening a pipe waits for a writer. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** @throws an error from the file system; an error if it is not a regular file, or is larger than 1 MiB */
export function readSmallFile(path: string): SmallFile {
  const descriptor = openSync(path, FLAGS);
  try {
    const mode = modeOf(fstatSync(descriptor));
    return { text: readFileSync(descriptor, 'utf8'), mode };
  } finally {
    closeSync(descriptor);
  }
}

/** The same beside the program's other work. Never settles if the file system hangs. */
export async function readSmallFileLater(path: string): Promise<SmallFile> {
  const file = await open(path, FLAGS);
  try {
    const mode = modeOf(await file.stat());
    return { text: await file.readFile('utf8'), mode };
  } finally {
    await file.close();
  }
}

function modeOf(stats: Stats): number {
  if (!stats.isFile()) throw new Error(stats.isDirectory() ? 'it is a folder, not a file' : 'it is not a regular file');
  if (stats.size > MOST_BYTES) throw new Error(`it has ${stats.size} bytes, more than the 1 MiB that such a file may have`);
  return stats.mode & 0o777;
}
