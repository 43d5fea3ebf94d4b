// Errors of the settings and the environment. Their texts name a remedy.
import { codeOf, messageOf } from '../../../src/base/index.ts';

/** Invalid settings, one line for each. Exit code 2. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** An obstacle outside the program. Exit code 1. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

export function readFailure(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return 'no such file';
  return code === 'EACCES' ? 'no permission' : messageOf(error);
}
