// Contains helpers for the command lines of robot and cloud: exit codes, output, misuse, and texts for the user.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Sets the exit code of the process: the result of `work`, 0 for undefined, or the result of `report` for an error.
 * @param report prints the error on stderr and returns the exit code.
 */
export async function exitWith(work: () => Promise<number | undefined>, report: (error: unknown) => number): Promise<void> {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    process.exitCode = report(error);
  }
}

/**
 * Explains a command line that cannot be parsed.
 * @param help the help text of the command. Its first line is the usage of the command.
 * @returns one line with the fault and the command that explains more.
 */
export function misuse(program: string, message: string, help: string): string {
  const usage = help.split('\n')[0]?.replace(/ {2,}.*$/, '') ?? '';
  const isOfCommand = usage.startsWith(`${program} `) && !usage.startsWith(`${program} <command>`);
  const path = isOfCommand ? usage.replace(/ [<[].*$/, '') : program;
  if (message.startsWith('Not enough non-option arguments'))
    return `an argument is missing: ${usage}; ${path} --help describes all arguments`;
  return `${message.replaceAll(/\s+/g, ' ')}; ${path} --help lists all commands and options`;
}

let isWatched = false;

/** Prints a line, and waits for a slow reader of the pipe. Ends the process with 0 if the reader closed the pipe (EPIPE). */
export async function print(line: string): Promise<void> {
  if (!isWatched) process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
  isWatched = true;
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/** Quotes a word for a shell command that a person types. */
export function quoted(word: string): string {
  return /^[\w./@%+:,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** @returns the flag that lets another command use the same configuration. Empty if there is no file. */
export function configFlag(file: string | undefined): string {
  return file === undefined ? '' : ` --config ${quoted(file)}`;
}

/** @returns the setup program of this checkout; undefined if the program was installed as a package. */
export function setupProgram(): string | undefined {
  const path = fileURLToPath(new URL('../../bin/setup', import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** Formats a duration for a person, such as `90 s` or `3 days`. */
export function ago(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
