// Why a folder can't be made. Node's recursive mkdir says ENOENT of the missing folder where its parent is read-only.
import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './errors.ts';

/** @returns the error of the nearest folder above that is there, where that one can't be written; else `error`. */
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
