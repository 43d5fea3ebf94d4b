// Runs the program of a step and writes its output to .setup/NAME.log. After a failure it prints the end of the output, or one line if the
// cause is a missing network.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, SetupError, STATE } from './context.mjs';

const TAIL_LINES = 25;

/** The program inherits the lock of bin/setup. Node.js would close the descriptor. */
const LOCK_FD = Number(process.env.SETUP_LOCK_FD ?? 0);
/** @type {import('node:child_process').StdioOptions} */
const STDIO = ['ignore', 'pipe', 'pipe', ...(LOCK_FD > 2 ? [...Array(LOCK_FD - 3).fill('ignore'), LOCK_FD] : [])];

/** Messages of npm, pip and apt-get for a server that cannot be reached. */
const NO_NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ECONNRESET|EIDLETIMEOUT|ERR_SOCKET_TIMEOUT|Failed to establish a new connection|Connection refused|ConnectTimeout|Read timed out|Temporary failure (in name resolution|resolving)|Could not (resolve|connect)/;

export const CONNECT =
  'connect this machine, or name your proxy or mirror in the program’s own settings, and run it again: it goes on where it was';

/**
 * @param {string} log @param {string} command @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, fetches?: string }} [options] `fetches` names the server, if it needs the network
 * @returns {Promise<void>}
 */
export async function run(log, command, args, options = {}) {
  mkdirSync(STATE, { recursive: true });
  const file = join(STATE, `${log}.log`);
  const output = createWriteStream(file);
  const child = spawn(command, args, { cwd: options.cwd ?? ROOT, env: options.env ?? process.env, stdio: STDIO });
  child.stdout?.pipe(output, { end: false });
  child.stderr?.pipe(output, { end: false });
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
  if (options.fetches && isNetworkError(text)) throw new SetupError(`no network: ${options.fetches} can't be reached (${file})`, CONNECT);
  process.stderr.write(`${text.trim().split('\n').slice(-TAIL_LINES).join('\n')}\n`);
  throw new SetupError(`${command} ${args.join(' ')} failed with ${code}`, `the whole output is in ${file}`);
}

/** @param {string} text */
export function isNetworkError(text) {
  return NO_NETWORK.test(text);
}
