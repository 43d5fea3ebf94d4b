// `service`: the cloud as a systemd service on this server, as a user of its own. The settings, secrets among them, are in a file with mode
// 0600 that systemd reads as root, never in the unit.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Services, wait } from '../../../src/base/index.ts';
import { Refusal, SettingsError } from '../errors/index.ts';
import { settingsFileFrom, settingsOf, unitFor } from '../service/index.ts';
import type { Settings } from '../settings/index.ts';
import { print } from './exit.ts';

const UNIT = 'elderly-bot-cloud.service';
const FOLDER = '/etc/elderly-bot-cloud';
const USER = 'elderly-bot-cloud';

/** A first start makes all tables. */
const UP_WITHIN_MS = 30_000;
const CONNECTED_WITHIN_MS = 8_000;
const LOOK_EVERY_MS = 250;

const services = new Services({
  units: [UNIT],
  main: UNIT,
  error: (kind, text, remedy) => (kind === 'failed' ? new Refusal(`${text}; ${remedy}`) : new SettingsError([`${text}: ${remedy}`])),
  withoutSystemd: {
    start: 'start `elderly-bot-cloud serve` with this machine’s own service manager',
    logs: 'the log of `elderly-bot-cloud serve` is on its standard output',
  },
});

export interface InstallOptions {
  readonly user: string;
  /** Writes below this folder and starts nothing. */
  readonly root: string | undefined;
}

/** @returns 0 if the cloud answers. @throws SettingsError if the settings have to be corrected first. */
export async function install({ user, root: below }: InstallOptions): Promise<number> {
  const root = programRoot();
  services.requirePlain([root]);
  if (below === undefined) requireReady(user);
  const file = join(below ?? '/', FOLDER, 'env');
  if (!existsSync(file)) {
    const example = readFileSync(join(root, 'cloud/.env.example'), 'utf8');
    services.write(file, settingsFileFrom(example, { root, folder: FOLDER, secret: randomBytes(48).toString('base64') }), 0o600);
    print(`wrote ${file}: the settings, with a SECRET_KEY of their own; readable by root only`);
  }
  if ((statSync(file).mode & 0o077) !== 0) print(`${file} can be read by others than root, and has secrets: chmod 600 ${file}`);
  const looked = below === undefined ? look(file) : undefined;
  const template = readFileSync(join(root, 'systemd', UNIT), 'utf8');
  const unit = services.fileOf(UNIT, below);
  services.write(unit, unitFor(template, { user, root, reads: looked?.reads ?? [] }));
  print(`wrote ${unit}`);
  if (looked === undefined) return 0;
  for (const line of services.unreadable(user, looked.reads)) print(line);
  services.run('systemctl', 'daemon-reload');
  services.run('systemctl', 'enable', UNIT);
  services.run('systemctl', 'stop', UNIT);
  // How often it was tried again counts from here: systemd forgets that at a stop only where it ran. It is not always loaded; then there is nothing.
  spawnSync('systemctl', ['reset-failed', UNIT]);
  services.run('systemctl', 'start', UNIT);
  return await tellWhetherUp(looked.settings, user);
}

/** The settings and the database stay. */
export function uninstall(below: string | undefined): number {
  const isDone = services.uninstall(below);
  print(isDone ? `uninstalled; the settings in ${FOLDER} and the database stay where they are` : 'there is nothing to uninstall');
  return 0;
}

/** @returns 0 if the cloud runs, 3 if it does not. */
export function status(): number {
  return services.status();
}

export function logs(follow: boolean, lines: number): number {
  return services.logs(follow, lines);
}

function requireReady(user: string): void {
  services.requireRoot();
  services.requireSystemd();
  if (user === USER) services.run('systemd-sysusers', join(programRoot(), 'systemd/elderly-bot-cloud.sysusers.conf'));
  services.requireUser(user, 'leave --user out, or create the user');
}

/** @throws SettingsError */
function look(file: string): ReturnType<typeof settingsOf> {
  try {
    const looked = settingsOf(readFileSync(file, 'utf8'));
    services.requirePlain(looked.reads);
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
    await wait(LOOK_EVERY_MS, new AbortController().signal);
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
