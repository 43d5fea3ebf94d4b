// Renders, installs and controls the systemd units of the robot and the cloud.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeShared } from './files.ts';
import { codeOf } from './foreign.ts';

const FOLDER = '/etc/systemd/system';

/** `unready` means that the machine or the command line must be changed first, `failed` that systemctl or journalctl failed. */
type SystemdFailure = 'unready' | 'failed';

interface ServicesOptions {
  /** Unit names, in the order in which they are started. */
  readonly units: readonly string[];
  /** The unit whose state is reported as the state of the whole service. */
  readonly main: string;
  /** Creates the error to throw. */
  readonly error: (kind: SystemdFailure, text: string, remedy: string, cause?: unknown) => Error;
  /** Remedies to suggest if the machine does not run systemd. */
  readonly withoutSystemd: { readonly start: string; readonly logs: string };
}

/** On failure, every method throws an error created by {@link ServicesOptions.error}. */
export class Services {
  readonly #options: ServicesOptions;

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  /** Returns the path of a unit file. @param root the directory that stands for /, as in an image; undefined for / itself. */
  fileOf(unit: string, root: string | undefined): string {
    return join(root ?? '/', FOLDER, unit);
  }

  write(file: string, text: string, mode = 0o644): void {
    try {
      writeShared(file, text, mode);
    } catch (cause) {
      const text = `${file} can’t be written (${codeOf(cause) ?? 'unknown'})`;
      throw this.#options.error('unready', text, 'use sudo or --root', cause);
    }
  }

  requirePlain(paths: readonly string[]): void {
    const path = paths.find((each) => !isPlainPath(each));
    if (path === undefined) return;
    const text = `${path}: a path in a systemd unit must start with / and contain no spaces, quotes, % or $`;
    throw this.#options.error('unready', text, 'move it, for example to /opt/elderly-bot, /etc/elderly-bot or /var/lib/elderly-bot');
  }

  requireRoot(): void {
    if (process.getuid?.() !== 0) throw this.#options.error('unready', 'only root may do that', 'use sudo');
  }

  requireSystemd(remedy = this.#options.withoutSystemd.start): void {
    if (existsSync('/run/systemd/system')) return;
    throw this.#options.error('unready', 'systemd does not run on this machine', remedy);
  }

  /** Returns the version of this machine's systemd; 0 without systemd. */
  version(): number {
    const { stdout } = spawnSync('systemctl', ['--version'], { encoding: 'utf8' });
    return Number(/^systemd (\d+)/.exec(stdout ?? '')?.[1] ?? 0);
  }

  requireUser(user: string, remedy: string): void {
    if (idsOf(user) === undefined) throw this.#options.error('unready', `user ${user} does not exist`, remedy);
  }

  /**
   * Creates a system user, unless there is a user of this name. @param sysusers a file in the form of sysusers.d(5) that declares the user.
   * @returns false if there was one.
   */
  createUser(user: string, sysusers: string): boolean {
    if (idsOf(user) !== undefined) return false;
    if (spawnSync('systemd-sysusers', ['--version']).status === 0) this.run('systemd-sysusers', sysusers);
    else this.run('useradd', '--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', user);
    return true;
  }

  /** Returns the user that an installed unit runs as; undefined if the unit is not installed, or names no user. */
  installedUser(unit: string): string | undefined {
    const file = this.fileOf(unit, undefined);
    return existsSync(file) ? /^User=(.+)$/m.exec(readFileSync(file, 'utf8'))?.[1]?.trim() : undefined;
  }

  /** Returns one line for each file that the user cannot read. */
  unreadable(user: string, files: readonly string[]): string[] {
    return files.filter((file) => !canUser(user, '-r', file)).map((file) => `${file} can’t be read by ${user}: ${readableBy(user, file)}`);
  }

  /** Stops, disables and removes the installed units. @returns false if there were no units to remove. */
  uninstall(root: string | undefined): boolean {
    const { units } = this.#options;
    const files = units.map((unit) => this.fileOf(unit, root)).filter((file) => existsSync(file));
    if (files.length === 0) return false;
    if (root === undefined) {
      this.requireRoot();
      this.requireSystemd();
      this.run('systemctl', 'disable', '--now', ...units);
    }
    for (const file of files) rmSync(file);
    if (root === undefined) this.run('systemctl', 'daemon-reload');
    return true;
  }

  /** Prints the output of `systemctl status`. @returns 0 if the main unit is active, otherwise the exit code of `systemctl is-active`. */
  status(): number {
    this.requireSystemd();
    const { units, main } = this.#options;
    this.#through('systemctl', 'status', '--no-pager', '--lines=5', ...units);
    return this.#through('systemctl', 'is-active', '--quiet', main);
  }

  /** Prints the units' logs with journalctl. @returns its exit code. */
  logs(follow: boolean, lines: number): number {
    this.requireSystemd(this.#options.withoutSystemd.logs);
    const units = this.#options.units.flatMap((unit) => ['--unit', unit]);
    return this.#through('journalctl', ...units, '--output=cat', '--no-pager', `--lines=${lines}`, ...(follow ? ['--follow'] : []));
  }

  run(command: string, ...args: string[]): void {
    const { status: code, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (code === 0) return;
    const { main } = this.#options;
    const remedy = `see \`systemctl status ${main}\` and \`journalctl -u ${main}\``;
    throw this.#options.error(
      'failed',
      `${command} ${args.join(' ')}: ${error?.message ?? stderr.trim().replaceAll(/\s*\n\s*/g, ' ')}`,
      remedy,
    );
  }

  #through(command: string, ...args: string[]): number {
    const { status: code, error } = spawnSync(command, args, { stdio: 'inherit' });
    if (error) throw this.#options.error('failed', `${command}: ${error.message}`, 'install systemd');
    return code ?? 1;
  }
}

/** Returns the numbers of a user and its group; undefined if there is no such user. */
export function idsOf(user: string): { readonly uid: number; readonly gid: number } | undefined {
  const number = (option: string) => {
    const { status, stdout } = spawnSync('id', [option, user], { encoding: 'utf8' });
    return status === 0 ? Number(stdout) : Number.NaN;
  };
  const [uid, gid] = [number('-u'), number('-g')];
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : undefined;
}

/** @param permission an option of test(1). */
function canUser(user: string, permission: '-r' | '-x', path: string): boolean {
  return spawnSync('runuser', ['-u', user, '--', 'test', permission, path]).status === 0;
}

function readableBy(user: string, file: string): string {
  if (!existsSync(file)) return 'no such file';
  const parents: string[] = [];
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    parents.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  const closed = parents.find((folder) => !canUser(user, '-x', folder));
  if (closed !== undefined) return `${user} may not enter ${closed}; move the file, for example to /etc/elderly-bot`;
  return `chown ${user} ${file} (a key keeps mode 0600)`;
}

interface UnitValues {
  readonly user: string;
  /** Paths in the template and what to replace them with. The new paths must be plain; see {@link isPlainPath}. */
  readonly replaced: readonly (readonly [from: string, to: string])[];
  /** All paths that the service uses. If one is in a home directory, the unit gets `ProtectHome=read-only`, so that it is accessible. */
  readonly paths: readonly string[];
  readonly environment?: readonly (readonly [name: string, value: string])[];
  /** Lines that replace the template's, keyed by directive, for example `StateDirectory`. */
  readonly directives?: Readonly<Record<string, string>>;
}

/** Whether a path can be used in a unit without escaping. systemd splits values at spaces and expands % and $. */
export function isPlainPath(path: string): boolean {
  return /^\/[\w./@:+,=~-]*$/.test(path);
}

/** Renders a unit file for this machine's user, paths and environment. @param template the content of the unit file in systemd/. */
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
  const escaped = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
  const more = environment.map(([name, value]) => `Environment="${name}=${escaped(value)}"`);
  const file = lines.findIndex((line) => line.startsWith('EnvironmentFile='));
  // The variables go before the EnvironmentFile line or, if the unit has no such line, after User.
  lines.splice(file === -1 ? lines.findIndex((line) => line.startsWith('User=')) + 1 : file, 0, ...more);
  return lines.join('\n');
}
