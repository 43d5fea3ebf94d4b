// How a command ends: exit code 0, 1 for a failure, 2 for what somebody has to mend first; errors as one line on stderr.

import { exitWith as finishWith, messageOf, nearestCause } from '../base/index.ts';
import { AgentError } from '../errors.ts';

export function exitWith(work: () => Promise<number | undefined>): Promise<void> {
  return finishWith(work, report);
}

/** Prints an error for a person. @returns the exit code. */
export function report(error: unknown): number {
  if (isSystemError(error)) {
    process.stderr.write(`elderly-bot: ${systemErrorLine(error)}\n`);
    return 2;
  }
  if (!(error instanceof AgentError)) {
    process.stderr.write(`elderly-bot: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
    return 1;
  }
  process.stderr.write(`elderly-bot: ${error.line} [${error.code}]\n`);
  return error.fault === 'configuration' || error.fault === 'environment' ? 2 : 1;
}

/** What the machine says no to: a person needs what and where, and no stack. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly path: string } {
  const { syscall, path, code } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof syscall === 'string' && typeof path === 'string' && TODO[code ?? ''] !== undefined;
}

const TODO: Readonly<Record<string, string>> = {
  EROFS: 'its file system is mounted read-only: give a folder elsewhere, or mount it writable',
  EACCES: 'give a place that this user may use',
  EPERM: 'give a place that this user may use',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is a file',
  EISDIR: 'it is a folder',
  ENOSPC: 'make room on its disk',
  EDQUOT: 'make room within this user’s quota',
};

function systemErrorLine(error: NodeJS.ErrnoException & { readonly path: string }): string {
  const { code = '', message } = nearestCause(error, error.path) as NodeJS.ErrnoException;
  return `${error.path}: ${message}; ${TODO[code] ?? TODO.ENOENT}`;
}
