// Helpers for the command lines of the robot and the cloud: exit codes, usage errors, and texts for the user.
import { existsSync } from 'node:fs';
import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { fileURLToPath } from 'node:url';

/** Enough for a round trip of two seconds and one lost packet: TCP sends its first packet again after 1 s (RFC 6298). */
const ADDRESS_MS = 3_000;

/**
 * Lets each address of a host answer for some seconds before Node.js tries the next. By default it gives up after 250 ms, so that a host with
 * several addresses cannot be reached over a slow mobile network.
 */
export function allowSlowNetworks(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_MS);
}

/**
 * Runs `work` and sets the process's exit code to its result, or to 0 if that is undefined.
 * @param report called if `work` throws. Must print the error to stderr and return the exit code.
 */
export async function exitWith(work: () => Promise<number | undefined>, report: (error: unknown) => number): Promise<void> {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    process.exitCode = report(error);
  }
}

/**
 * Describes a usage error in one line, including the `--help` command to run.
 * @param help the command's help text, whose first line must be its usage.
 */
export function misuse(program: string, message: string, help: string): string {
  const usage = help.split('\n')[0]?.replace(/ {2,}.*$/, '') ?? '';
  const isOfCommand = usage.startsWith(`${program} `) && !usage.startsWith(`${program} <command>`);
  const path = isOfCommand ? usage.replace(/ [<[].*$/, '') : program;
  if (message.startsWith('Not enough non-option arguments'))
    return `an argument is missing: ${usage}; ${path} --help describes all arguments`;
  return `${message.replaceAll(/\s+/g, ' ')}; ${path} --help lists all commands and options`;
}

/** @param noun whose plural ends in s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Quotes a word for a shell command that is shown to the user. */
export function quoted(word: string): string {
  return /^[\w./@%+:,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Returns the `--config` flag for a command that is suggested to the user; empty if `file` is undefined. */
export function configFlag(file: string | undefined): string {
  return file === undefined ? '' : ` --config ${quoted(file)}`;
}

/** Returns the path of this checkout's setup program; undefined if the program was installed as a package. */
export function setupProgram(): string | undefined {
  const path = fileURLToPath(new URL('../../bin/setup', import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** Formats a duration for the user, for example `90 s` or `3 days`. */
export function ago(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
