// A unit file of systemd/ with this machine's user, paths and environment in place of the package's. Pure: text in, text out.

export interface UnitValues {
  readonly user: string;
  /** Text of the template (a path of the package) and the text that replaces it. All paths have to be plain, see {@link isPlainPath}. */
  readonly replaced: readonly (readonly [from: string, to: string])[];
  /** All paths that the service reads or writes. A path below /home lets the service read the homes. */
  readonly paths: readonly string[];
  readonly environment?: readonly (readonly [name: string, value: string])[];
  /** Whole lines by their directive, such as `StateDirectory`. */
  readonly directives?: Readonly<Record<string, string>>;
}

/** Whether a unit can name the path: systemd ends a path at a space and replaces % and $. */
export function isPlainPath(path: string): boolean {
  return /^\/[\w./@:+,=~-]*$/.test(path);
}

/** @param template the text of a unit file. */
export function renderUnit(template: string, { user, replaced, paths, environment = [], directives = {} }: UnitValues): string {
  const isHomeRead = paths.some((path) => /^\/(home|root|run\/user)\//.test(path));
  const lines = replaced
    .reduce((text, [from, to]) => text.replaceAll(from, () => to), template)
    .split('\n')
    .map((line) => {
      if (line.startsWith('User=')) return `User=${user}`;
      if (line.startsWith('ProtectHome=') && isHomeRead) return 'ProtectHome=read-only';
      return directives[line.split('=', 1)[0] ?? ''] ?? line;
    });
  const more = environment.map(([name, value]) => `Environment="${name}=${quotedValue(value)}"`);
  const file = lines.findIndex((line) => line.startsWith('EnvironmentFile='));
  // A unit without an environment file needs the environment as well.
  lines.splice(file === -1 ? lines.findIndex((line) => line.startsWith('User=')) + 1 : file, 0, ...more);
  return lines.join('\n');
}

function quotedValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
}
