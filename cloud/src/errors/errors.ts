// What goes wrong outside of a message: settings and surroundings, each as lines that say what to do.

/** Settings that can't work: one line each, exit code 2. */
export class SettingsError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'SettingsError';
    this.lines = lines;
  }
}

/** Something stands in the way, and the text says what to do about it; exit code 1. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}
