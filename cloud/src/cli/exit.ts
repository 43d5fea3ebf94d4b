// The end of a command: exit code 0 for success, 1 for a failure, 2 if the command line or the settings have to be corrected first.
// Each problem is a line on stderr.
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
