// Stamps in .setup/: each holds the hash of the inputs of a result. A stamp is removed before its result is made again and written
// atomically afterwards. A result without a stamp is not trusted.
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

/** @param {string} name @param {() => Promise<void>} work @param {() => string} value computed after the work */
export async function stampAfter(name, work, value) {
  const file = join(STATE, `${name}.stamp`);
  rmSync(file, { force: true });
  await work();
  mkdirSync(STATE, { recursive: true });
  writeFileSync(`${file}.new`, value());
  renameSync(`${file}.new`, file);
}
