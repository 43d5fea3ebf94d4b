// How a command ends: exit code 0, 1 where it failed, 2 where the command line or the settings have to be mended first. What went wrong
// is said on stderr, a line each.
import { exitWith as finishWith, messageOf } from '../../../src/base/index.ts';
import { SettingsError } from '../errors/index.ts';

export function exitWith(work: () => Promise<number>): Promise<void> {
  return finishWith(work, report);
}

/** @returns the exit code. */
export function report(error: unknown): number {
  const wrong = error instanceof SettingsError;
  process.stderr.write(`${wrong ? error.lines.join('\n') : messageOf(error).replaceAll('\n', ' ')}\n`);
  return wrong ? 2 : 1;
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
