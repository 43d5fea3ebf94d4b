// Building blocks of the command declarations: common options, validation of whole numbers, and the handler that runs a command.
import { exitWith, messageOf, nearestCause, printError } from '../base/index.ts';
import { AgentError } from '../errors.ts';

export const CONFIG = {
  config: { alias: 'c', type: 'string', requiresArg: true, describe: 'Configuration file; it overrides config/default.yaml' },
} as const;

export const JSON_OUTPUT = { json: { type: 'boolean', default: false, describe: 'Print JSON' } } as const;

/** Declares an option that takes a whole number. yargs rejects any other value before the command runs. */
export function wholeOption<T extends number | undefined>(name: string, describe: string, fallback: T, min: number, max?: number) {
  const coerce = (given: number | T): number | T => {
    if (given === undefined || (Number.isSafeInteger(given) && given >= min && given <= (max ?? Number.MAX_SAFE_INTEGER))) return given;
    const expected = max === undefined ? `expected a whole number of at least ${min}` : `expected a whole number from ${min} to ${max}`;
    throw new Error(`${name}: ${expected}`);
  };
  return { type: 'number', default: fallback, requiresArg: true, describe, coerce } as const;
}

/** Creates a yargs handler that imports a module, runs a command from it, and sets the exit code. */
export function handler<Module>(load: () => Promise<Module>) {
  return <Args>(work: (module: Module, args: Args) => number | Promise<number>) => {
    return (args: Args): Promise<void> => exitWith(async () => work(await load(), args), reportError);
  };
}

/** Prints an error to stderr. @returns the exit code: 2 if someone has to correct something first, otherwise 1. */
export function reportError(error: unknown): number {
  const [lines, code] = describeError(error);
  const [first = '', ...rest] = lines;
  printError([`elderly-bot: ${first}`, ...rest]);
  return code;
}

/** A fault of the program itself has its stack below it, without the message again, which may have any text. */
function describeError(error: unknown): [lines: string[], code: 1 | 2] {
  if (isSystemError(error)) {
    const { code = '', message } = nearestCause(error, error.path) as NodeJS.ErrnoException;
    return [[`${error.path}: ${message}; ${REMEDIES[code] ?? REMEDIES.ENOENT}`], 2];
  }
  if (!(error instanceof AgentError)) return [[messageOf(error), ...callsOf(error)], 1];
  return [`${error.line} [${error.code}]`.split('\n'), error.fault === 'configuration' || error.fault === 'environment' ? 2 : 1];
}

function callsOf(error: unknown): string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  return lines.filter((line) => /^ {4}at /.test(line));
}

/** Whether a system call on a path failed with a code from `REMEDIES`. Report the path and the remedy: a stack would not help the user. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly path: string } {
  const { syscall, path, code } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof syscall === 'string' && typeof path === 'string' && REMEDIES[code ?? ''] !== undefined;
}

const REMEDIES: Readonly<Record<string, string>> = {
  EROFS: 'its file system is mounted read-only: give another folder, or mount it writable',
  EACCES: 'give a path that this user may access',
  EPERM: 'give a path that this user may access',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is a file',
  EISDIR: 'it is a folder',
  EEXIST: 'it already exists: give another path',
  ENOSPC: 'free some space on its disk',
  EDQUOT: 'free some space within the quota of this user',
};
