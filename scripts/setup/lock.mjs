// One setup at a time in a checkout: a second one waits, and says so; one that was killed leaves nothing to wait for.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, SetupError, STATE } from './context.mjs';

const LOCK = join(STATE, 'lock');
const LOOK_EVERY_MS = 300;

/** @param {() => Promise<void>} work */
export async function withLock(work) {
  let said = false;
  while (!take()) {
    if (!said) process.stderr.write('setup: another setup runs in this checkout; waiting for it\n');
    said = true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  try {
    await work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function take() {
  try {
    mkdirSync(STATE, { recursive: true });
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== 'EEXIST')
      throw new SetupError(`${ROOT} can't be written (${code})`, 'run it as the owner of this folder, with space on its disk');
  }
  if (!isAlive(holder())) rmSync(LOCK, { force: true });
  return false;
}

function holder() {
  try {
    return Number(readFileSync(LOCK, 'utf8'));
  } catch {
    return 0;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  if (!pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
