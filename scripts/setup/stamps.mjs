// A stamp in .setup/ says from what a result was made: a hash of all it depends on. It is taken away before the result is made anew
// and written, whole, after it: a result without its stamp is not trusted.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATE } from './context.mjs';

/** @param {...string} parts */
export function hash(...parts) {
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

/** @param {string} name @param {string} value */
export function stamped(name, value) {
  const file = join(STATE, `${name}.stamp`);
  return existsSync(file) && readFileSync(file, 'utf8') === value;
}

/** @param {string} name @param {() => Promise<void>} work @param {() => string} value asked for after the work, if it gives none */
export async function stampAfter(name, work, value) {
  const file = join(STATE, `${name}.stamp`);
  rmSync(file, { force: true });
  await work();
  mkdirSync(STATE, { recursive: true });
  writeFileSync(`${file}.new`, value());
  renameSync(`${file}.new`, file);
}
