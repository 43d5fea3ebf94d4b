// The command `service`: runs the cloud as a systemd service on this server, under its own user. The settings contain secrets, so they are
// in a file with mode 0600 that systemd reads as root, and never in the unit.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { print, Services, wait } from '../../../src/base/index.ts';
import { healthzUrl } from '../doctor/index.ts';
import { Refusal, SettingsError } from '../errors/index.ts';
import { settingsFileFrom, settingsOf, unitFor } from '../service/index.ts';
import type { Settings } from '../settings/index.ts';

const UNIT = 'elderly-bot-cloud.service';
const FOLDER = '/etc/elderly-bot-cloud';
const USER = 'elderly-bot-cloud';

/** The first start takes longer, because it creates all tables. */
const UP_WITHIN_MS = 30_000;
const CONNECTED_WITHIN_MS = 8_000;
const POLL_MS = 250;

export const services = new Services({
  units: [UNIT],
  main: UNIT,
  error: (kind, text, remedy) => (kind === 'failed' ? new Refusal(`${text}; ${remedy}`) : new SettingsError([`${text}: ${remedy}`])),
  withoutSystemd: {
    start: 'start `elderly-bot-cloud serve` with this machine’s own service manager',
    logs: 'the log of `elderly-bot-cloud serve` is on its standard output',
  },
});

/**
 * @param root If set, only installs the files below this directory and starts nothing.
 * @returns 0 if the cloud answers. @throws SettingsError if the settings have to be corrected first.
 */
export async function install(user: string, root: string | undefined): Promise<number> {
  const program = programRoot();
  services.requirePlain([program]);
  if (root === undefined) {
    services.requireRoot();
    services.requireSystemd();
    if (user === USER) services.run('systemd-sysusers', join(program, 'systemd/elderly-bot-cloud.sysusers.conf'));
    services.requireUser(user, 'leave --user out, or create the user');
  }
  const file = join(root ?? '/', FOLDER, 'env');
  if (!existsSync(file)) {
    const example = readFileSync(join(program, 'cloud/.env.example'), 'utf8');
    const secret = randomBytes(48).toString('base64');
    services.write(file, settingsFileFrom(example, { root: program, folder: FOLDER, secret }), 0o600);
    await print(`wrote ${file}: the settings with a new SECRET_KEY; only root can read it`);
  }
  if ((statSync(file).mode & 0o077) !== 0) await print(`other users can read ${file}, which contains secrets: chmod 600 ${file}`);
  const checked = root === undefined ? readSettings(file) : undefined;
  const template = readFileSync(join(program, 'systemd', UNIT), 'utf8');
  const unit = services.fileOf(UNIT, root);
  services.write(unit, unitFor(template, { user, root: program, reads: checked?.reads ?? [] }));
  await print(`wrote ${unit}`);
  if (checked === undefined) return 0;
  for (const line of services.unreadable(user, checked.reads)) await print(line);
  services.run('systemctl', 'daemon-reload');
  services.run('systemctl', 'enable', UNIT);
  services.run('systemctl', 'stop', UNIT);
  // `hasCrashed` reads the restart counter, and a stop resets it only if the unit was running. This fails if the unit is not loaded; the
  // counter is then zero anyway.
  spawnSync('systemctl', ['reset-failed', UNIT]);
  services.run('systemctl', 'start', UNIT);
  return await reportStart(checked.settings, user);
}

/** Keeps the settings and the database. */
export async function uninstall(root: string | undefined): Promise<number> {
  const isDone = services.uninstall(root);
  await print(isDone ? `uninstalled; the settings in ${FOLDER} and the database are kept` : 'there is nothing to uninstall');
  return 0;
}

function readSettings(file: string): ReturnType<typeof settingsOf> {
  try {
    const checked = settingsOf(readFileSync(file, 'utf8'));
    services.requirePlain(checked.reads);
    return checked;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new SettingsError([
      ...error.lines.map((line) => `${file}: ${line}`),
      'nothing was started: correct the settings and install again',
    ]);
  }
}

/** Waits until the cloud is healthy. After its first answer, the cloud gets more time for its subscription. */
async function reportStart({ host, port, http }: Settings, user: string): Promise<number> {
  const url = healthzUrl(host, port);
  let fault: string | undefined;
  let untilMs = performance.now() + UP_WITHIN_MS;
  while (performance.now() < untilMs) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${http.monitorToken}` } }).catch(() => undefined);
    if (answer?.ok) {
      await print(`${UNIT} runs as ${user}, and answers at ${url}`);
      return 0;
    }
    if (hasCrashed()) break;
    if (answer && fault === undefined) untilMs = performance.now() + CONNECTED_WITHIN_MS;
    fault = (await answer?.text()) ?? fault;
    await wait(POLL_MS, new AbortController().signal);
  }
  if (fault === undefined)
    throw new Refusal(`${UNIT} was started, but nothing answers at ${url}: \`elderly-bot-cloud service logs\` shows the reason`);
  await print(`${UNIT} runs as ${user}, and keeps trying; ${url} answers ${fault}`);
  await print('`elderly-bot-cloud doctor` prints the remedy');
  return 0;
}

/** Whether the service has ended by itself since its start. systemd restarts it again and again. */
function hasCrashed(): boolean {
  return Number(spawnSync('systemctl', ['show', UNIT, '--property=NRestarts', '--value'], { encoding: 'utf8' }).stdout) > 0;
}

/** The program's root directory, the same for the sources and the built program. */
function programRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'systemd', UNIT))) {
    if (folder === dirname(folder)) throw new Refusal(`this program has no file systemd/${UNIT}: install it from a clone`);
    folder = dirname(folder);
  }
  return folder;
}
