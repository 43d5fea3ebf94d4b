// Helpers that the steps share: paths, finding and running programs, and reporting errors.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const STATE = join(ROOT, '.setup');

/**
 * A tool that a step needs. The setup checks all of them before the first step.
 * @typedef {'compiler' | 'python' | 'readelf'} Need
 */

/**
 * `done` tests the real result, so an interrupted step runs again. `check` throws a SetupError if `run` would fail.
 * @typedef {{ name: string, what: string, needs: Need[], done(): boolean, check?(): Promise<void>, run(): Promise<void> }} Step
 */

/** A fault that a person has to repair. The message names the fault, and `remedy` the next step. */
export class SetupError extends Error {
  /** @param {string} message @param {string} remedy */
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/** @param {string} line */
export function report(line) {
  process.stderr.write(`setup: ${line}\n`);
}

/**
 * Searches the PATH, and folders such as /usr/sbin that an ordinary user's PATH lacks.
 * @param {string} program
 * @returns {string | undefined} its path
 */
export function find(program) {
  const debian = '/usr/lib/postgresql';
  const postgres = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin', ...postgres];
  return folders.map((folder) => join(folder, program)).find(isProgram);
}

/** @param {string} file */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined} its output; undefined if it failed
 */
export function outputOf(command, args, env = process.env) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

/** @param {string} file @returns {string} its text; empty if the file does not exist */
export function contents(file) {
  const path = join(ROOT, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
