// What the steps share: where things are, how a program is found and asked, how a failure is told.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const STATE = join(ROOT, '.setup');

/**
 * What a step has to have before it begins; preflight asks for all of them before the first step.
 * @typedef {'compiler' | 'python' | 'readelf'} Need
 */

/**
 * `done` asks for the real result, so that an interrupted step is begun again. `check` throws a SetupError where `run` would fail.
 * @typedef {{ name: string, what: string, needs: Need[], done(): boolean, check?(): Promise<void>, run(): Promise<void> }} Step
 */

/** Something a person has to mend: one line with what is wrong and what to do. */
export class SetupError extends Error {
  /** @param {string} message @param {string} todo */
  constructor(message, todo) {
    super(message);
    this.todo = todo;
  }
}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

/** @param {string} program @returns {string | undefined} its path, also where an ordinary user's PATH does not look */
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
 * @returns {string | undefined} what it printed, undefined where it failed
 */
export function answer(command, args, env = process.env) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

/** @param {string} file @returns {string} its text, empty where there is none */
export function contents(file) {
  const path = join(ROOT, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
