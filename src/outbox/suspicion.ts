// Records beside the outbox file that it failed while in use: the next opening checks every page before it trusts the file again. SQLITE_CORRUPT can be a passing lie of the disk, so the first time the check decides; a second time it is believed.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, replaceFile } from '../base/index.ts';

function fileIn(stateDir: string): string {
  return join(stateDir, 'outbox.suspect');
}

/** How often this file was suspected. */
export function suspicions(stateDir: string): number {
  try {
    return readFileSync(fileIn(stateDir), 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}

/** Durable before it returns. @param what one line for a person. */
export function suspect(stateDir: string, what: string): void {
  let before = '';
  try {
    before = readFileSync(fileIn(stateDir), 'utf8');
  } catch {
    // The first time.
  }
  replaceFile(fileIn(stateDir), `${before}${what.replaceAll('\n', ' ')}\n`);
}

export function forgetSuspicions(stateDir: string): void {
  rmSync(fileIn(stateDir), { force: true });
}

/** SQLite found a page that cannot be right, or the end of the file where one should be. */
export function isCorruption(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ'].some((each) => code.startsWith(each));
}
