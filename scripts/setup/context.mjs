// What the steps share: where things are, how a command is run, how a failure is told.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const STATE = join(ROOT, '.setup');

/** Something a person has to mend: one line with what is wrong and what to do. */
export class SetupError extends Error {
  /** @param {string} message @param {string} todo */
  constructor(message, todo) {
    super(message);
    this.todo = todo;
  }
}

/** Node's headers lie beside Node itself, so that compiling needs no download. @returns {NodeJS.ProcessEnv} */
export function compileEnvironment() {
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include', 'node', 'node_version.h'));
  return headers ? { ...process.env, npm_config_nodedir: prefix } : { ...process.env };
}

/** @param {string} program @returns {string | undefined} its path, also where an ordinary user's PATH does not look */
export function find(program) {
  const postgres = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').map((v) => `/usr/lib/postgresql/${v}/bin`) : [];
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

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
export function succeeds(command, args, env = process.env) {
  return spawnSync(command, args, { cwd: ROOT, env, stdio: 'ignore' }).status === 0;
}

/** What npm and pip say when the registry can't be reached. */
const NO_NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ECONNRESET|Failed to establish a new connection|Temporary failure|Could not resolve|No matching distribution found/;

/**
 * Runs a command with its output in `.setup/<log>.log`; a failure shows the end of it.
 * @param {string} log @param {string} command @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 * @returns {Promise<void>}
 */
export async function run(log, command, args, options = {}) {
  mkdirSync(STATE, { recursive: true });
  const file = join(STATE, `${log}.log`);
  const output = createWriteStream(file);
  const child = spawn(command, args, { cwd: options.cwd ?? ROOT, env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output.write(`${error.message}\n`);
      resolve(127);
    });
    child.once('close', resolve);
  });
  await new Promise((resolve) => output.end(resolve));
  if (code === 0) return;
  const text = readFileSync(file, 'utf8');
  if (NO_NETWORK.test(text)) {
    throw new SetupError(
      `no network: ${command} ${args[0]} could not reach its registry`,
      'connect this machine, or set your proxy or mirror, and run it again: it goes on where it was',
    );
  }
  process.stderr.write(`${text.trim().split('\n').slice(-25).join('\n')}\n`);
  throw new SetupError(`${command} ${args.join(' ')} failed with ${code}`, `the whole output is in ${file}`);
}

/** @param {...string} parts */
export function hash(...parts) {
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

/** @param {string} file */
export function contents(file) {
  const path = join(ROOT, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A stamp says from what a result was made. @param {string} name @param {string} value */
export function stamped(name, value) {
  const file = join(STATE, `${name}.stamp`);
  return existsSync(file) && readFileSync(file, 'utf8') === value;
}

/** @param {string} name @param {string} value */
export function stamp(name, value) {
  mkdirSync(STATE, { recursive: true });
  const file = join(STATE, `${name}.stamp`);
  writeFileSync(`${file}.new`, value);
  renameSync(`${file}.new`, file);
}
