// Commands that a person is told to type: a path goes in as one word, whatever is in it.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function quoted(word: string): string {
  return /^[\w./@%+:,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What names the configuration to another command; nothing where there is none. */
export function configFlag(file: string | undefined): string {
  return file === undefined ? '' : ` --config ${quoted(file)}`;
}

/** The setup of this checkout; undefined where the program was installed as a package. */
export function setupProgram(): string | undefined {
  const path = fileURLToPath(new URL('../../bin/setup', import.meta.url));
  return existsSync(path) ? path : undefined;
}
