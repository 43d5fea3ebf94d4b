// Installs units and asks systemd about them: the part of `service` that the robot and the cloud share.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../errors.ts';
import { isPlainPath } from './unit.ts';

const FOLDER = '/etc/systemd/system';

/** `unready`: the machine or the command line has to change first. `failed`: a program of systemd failed. */
export type SystemdFailure = 'unready' | 'failed';

export interface ServicesOptions {
  /** Unit names, in the order in which they are started. */
  readonly units: readonly string[];
  /** The unit whose state counts. */
  readonly main: string;
  /** Makes the program's own error. */
  readonly error: (kind: SystemdFailure, text: string, remedy: string, cause?: unknown) => Error;
  /** Remedies on a machine without systemd. */
  readonly withoutSystemd: { readonly start: string; readonly logs: string };
}

/** Every method throws the error of {@link ServicesOptions.error}. */
export class Services {
  readonly #options: ServicesOptions;

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  /** @param root the folder that stands for /; undefined: / itself. @returns the path of the unit file. */
  fileOf(unit: string, root: string | undefined): string {
    return join(root ?? '/', FOLDER, unit);
  }

  write(file: string, text: string, mode = 0o644): void {
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { mode });
    } catch (cause) {
      throw this.#options.error(
        'unready',
        `${file} can’t be written (${codeOf(cause) ?? 'unknown'})`,
        'call it with sudo, or give --root',
        cause,
      );
    }
  }

  requirePlain(paths: readonly string[]): void {
    const path = paths.find((each) => !isPlainPath(each));
    if (path === undefined) return;
    const text = `${path}: a systemd unit can’t name a path with spaces, quotes, % or $, or one that does not begin with /`;
    throw this.#options.error('unready', text, 'move it, for example to /opt/elderly-bot, /etc/elderly-bot or /var/lib/elderly-bot');
  }

  requireRoot(): void {
    if (process.getuid?.() !== 0) throw this.#options.error('unready', 'only root may do that', 'call it with sudo');
  }

  requireSystemd(remedy = this.#options.withoutSystemd.start): void {
    if (existsSync('/run/systemd/system')) return;
    throw this.#options.error('unready', 'systemd does not run on this machine', remedy);
  }

  requireUser(user: string, remedy: string): void {
    if (spawnSync('id', [user]).status !== 0) throw this.#options.error('unready', `there is no user ${user}`, remedy);
  }

  /** @returns one line for each file that the user can't read. */
  unreadable(user: string, files: readonly string[]): string[] {
    return files
      .filter((file) => spawnSync('runuser', ['-u', user, '--', 'test', '-r', file]).status !== 0)
      .map((file) => `${file} can’t be read by ${user}: chown ${user} ${file} (a key keeps mode 0600)`);
  }

  /** Stops, disables and removes what is installed. @returns whether there was anything to remove. */
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

  /** Prints what systemctl says. @returns 0 if the main unit runs, 3 if it does not. */
  status(): number {
    this.requireSystemd();
    const { units, main } = this.#options;
    this.#through('systemctl', 'status', '--no-pager', '--lines=5', ...units);
    return this.#through('systemctl', 'is-active', '--quiet', main);
  }

  /** Prints what journalctl says. @returns its exit code. */
  logs(follow: boolean, lines: number): number {
    this.requireSystemd(this.#options.withoutSystemd.logs);
    const units = this.#options.units.flatMap((unit) => ['--unit', unit]);
    return this.#through('journalctl', ...units, '--output=cat', '--no-pager', `--lines=${lines}`, ...(follow ? ['--follow'] : []));
  }

  run(command: string, ...args: string[]): void {
    const { status: code, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (code === 0) return;
    const { main } = this.#options;
    const remedy = `look at \`systemctl status ${main}\` and \`journalctl -u ${main}\``;
    throw this.#options.error('failed', `${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`, remedy);
  }

  #through(command: string, ...args: string[]): number {
    const { status: code, error } = spawnSync(command, args, { stdio: 'inherit' });
    if (error) throw this.#options.error('failed', `${command}: ${error.message}`, 'systemd has to be on this machine');
    return code ?? 1;
  }
}
