// Errors of settings and of the environment; their lines say what to do.

/** Settings that can't work: a line for each, exit code 2. */
export class SettingsError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'SettingsError';
    this.lines = lines;
  }
}

/** Something prevents the work, and the text says what to do; exit code 1. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}
