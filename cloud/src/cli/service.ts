// `service`: the cloud as a systemd service on this server, as a user of its own. Its settings, secrets among them, lie in a file of 0600
// that systemd reads as root, never in the unit.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal, SettingsError } from '../errors.ts';
import { pause } from '../pause.ts';
import { settingsFileFrom, settingsOf } from '../service/settingsFile.ts';
import { isPlainPath, unitFor } from '../service/unit.ts';
import type { Settings } from '../settings.ts';
import { print } from './exit.ts';

const UNIT = 'elderly-bot-cloud.service';
const UNITS = '/etc/systemd/system';
const FOLDER = '/etc/elderly-bot-cloud';
const USER = 'elderly-bot-cloud';

/** A first start makes all tables. */
const UP_WITHIN_MS = 30_000;
const CONNECTED_WITHIN_MS = 8_000;
const LOOK_EVERY_MS = 250;

export interface InstallOptions {
  readonly user: string;
  /** Writes below this folder and starts nothing. */
  readonly root: string | undefined;
}

/** @returns 0 where the cloud answers. @throws SettingsError where the settings have to be mended first. */
export async function install({ user, root: below }: InstallOptions): Promise<number> {
  const root = programRoot();
  const nodeFolder = dirname(process.execPath);
  for (const path of [root, nodeFolder]) requirePlain(path);
  if (below === undefined) requireReady(user);
  const file = join(below ?? '/', FOLDER, 'env');
  if (!existsSync(file)) {
    const example = readFileSync(join(root, 'cloud/.env.example'), 'utf8');
    writeTo(file, settingsFileFrom(example, { root, folder: FOLDER, secret: randomBytes(48).toString('base64') }), 0o600);
    print(`wrote ${file}: the settings, with a SECRET_KEY of their own; readable by root only`);
  }
  if ((statSync(file).mode & 0o077) !== 0) print(`${file} can be read by others than root, and has secrets: chmod 600 ${file}`);
  const looked = below === undefined ? look(file) : undefined;
  const template = readFileSync(join(root, 'systemd', UNIT), 'utf8');
  const unit = join(below ?? '/', UNITS, UNIT);
  writeTo(unit, unitFor(template, { user, root, nodeFolder, reads: looked?.reads ?? [] }), 0o644);
  print(`wrote ${unit}`);
  if (looked === undefined) return 0;
  for (const path of looked.reads) warnOfUnreadable(user, path);
  run('systemctl', 'daemon-reload');
  run('systemctl', 'enable', UNIT);
  run('systemctl', 'stop', UNIT);
  // How often it was tried again counts from here: systemd forgets that at a stop only where it ran. It is not always loaded; then there is nothing.
  spawnSync('systemctl', ['reset-failed', UNIT]);
  run('systemctl', 'start', UNIT);
  return await tellWhetherUp(looked.settings, user);
}

/** The settings and the database stay. */
export function uninstall(below: string | undefined): number {
  const file = join(below ?? '/', UNITS, UNIT);
  if (!existsSync(file)) {
    print('there is nothing to uninstall');
    return 0;
  }
  if (below === undefined) {
    requireRoot();
    run('systemctl', 'disable', '--now', UNIT);
  }
  rmSync(file);
  if (below === undefined) run('systemctl', 'daemon-reload');
  print(`uninstalled; ${FOLDER} with the settings, and the database, are left where they are`);
  return 0;
}

/** @returns 0 where it runs, 3 where it does not. */
export function status(): number {
  requireSystemd();
  through('systemctl', 'status', '--no-pager', '--lines=5', UNIT);
  return through('systemctl', 'is-active', '--quiet', UNIT);
}

export function logs(follow: boolean, lines: number): number {
  requireSystemd();
  return through('journalctl', '--unit', UNIT, '--output=cat', '--no-pager', `--lines=${lines}`, ...(follow ? ['--follow'] : []));
}

/** @throws SettingsError */
function look(file: string): ReturnType<typeof settingsOf> {
  try {
    const looked = settingsOf(readFileSync(file, 'utf8'));
    for (const path of looked.reads) requirePlain(path);
    return looked;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new SettingsError([...error.lines.map((line) => `${file}: ${line}`), 'nothing was started: mend that, and install again']);
  }
}

/** One that answers has a moment more for its first subscription. */
async function tellWhetherUp({ host, port }: Settings, user: string): Promise<number> {
  const address = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/healthz`;
  let wrong: string | undefined;
  let untilMs = performance.now() + UP_WITHIN_MS;
  while (performance.now() < untilMs) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) {
      print(`${UNIT} runs as ${user}, and answers at ${url}`);
      return 0;
    }
    if (hasFallen()) break;
    if (answer && wrong === undefined) untilMs = performance.now() + CONNECTED_WITHIN_MS;
    wrong = (await answer?.text()) ?? wrong;
    await pause(LOOK_EVERY_MS, new AbortController().signal);
  }
  if (wrong === undefined)
    throw new Refusal(`${UNIT} was started, and nothing answers at ${url}: \`elderly-bot-cloud service logs\` says why`);
  print(`${UNIT} runs as ${user}, and goes on trying; ${url} says ${wrong}`);
  print('`elderly-bot-cloud doctor` says what to do');
  return 0;
}

/** Whether it ended by itself since it was started: systemd tries it again and again. */
function hasFallen(): boolean {
  return Number(spawnSync('systemctl', ['show', UNIT, '--property=NRestarts', '--value'], { encoding: 'utf8' }).stdout) > 0;
}

/** The folder that the program lies in, built or not. */
function programRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'systemd', UNIT))) {
    if (folder === dirname(folder)) throw new Refusal(`systemd/${UNIT} is not where this program lies: install it from a clone`);
    folder = dirname(folder);
  }
  return folder;
}

/** systemd would read a space as an end; no server needs one here. */
function requirePlain(path: string): void {
  if (isPlainPath(path)) return;
  throw new SettingsError([
    `${path}: a systemd unit can’t name a path with spaces, quotes, % or $; move it, for example to /opt/elderly-bot`,
  ]);
}

function requireReady(user: string): void {
  requireRoot();
  requireSystemd();
  if (user === USER) run('systemd-sysusers', join(programRoot(), 'systemd/elderly-bot-cloud.sysusers.conf'));
  if (spawnSync('id', [user]).status !== 0) throw new SettingsError([`there is no user ${user}: leave --user out, or make it`]);
}

function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new SettingsError(['only root may do that: call it with sudo']);
}

function requireSystemd(): void {
  if (existsSync('/run/systemd/system')) return;
  throw new SettingsError(['systemd does not run on this machine: start `elderly-bot-cloud serve` by what does']);
}

function warnOfUnreadable(user: string, file: string): void {
  const isReadable = spawnSync('runuser', ['-u', user, '--', 'test', '-r', file]).status === 0;
  if (!isReadable) print(`${file} can’t be read by ${user}: chown ${user} ${file} (a key keeps mode 0600)`);
}

function writeTo(file: string, text: string, mode: number): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode });
  } catch (cause) {
    throw new SettingsError([`${file} can’t be written (${(cause as NodeJS.ErrnoException).code}): call it with sudo, or give --root`]);
  }
}

function run(command: string, ...args: string[]): void {
  const { status: code, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (code !== 0) throw new Refusal(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

function through(command: string, ...args: string[]): number {
  const { status: code, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) throw new Refusal(`${command}: ${error.message}`);
  return code ?? 1;
}
