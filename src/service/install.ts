// `elderly-bot service`: installs the agent and its guard as systemd services with a user of their own.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { idsOf, printNow, Services } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { credentialLine, isCredential } from './credential.ts';
import { handOver } from './handOver.ts';
import { type Robot, unitFor } from './unit.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const UNITS = ['elderly-bot-guard.service', 'elderly-bot.service'] as const;
const MAIN = 'elderly-bot.service';
const FOLDER = '/etc/elderly-bot';
const DEFAULT_CONFIG = `${FOLDER}/robot.yaml`;
const OWN_USER = 'elderly-bot';

const services = new Services({
  units: UNITS,
  main: MAIN,
  error: (_kind, text, remedy, cause) => new AgentError('SERVICE_FAILED', text, { remedy, cause }),
  withoutSystemd: {
    start: 'start `elderly-bot run` with this machine’s own service manager',
    logs: '`elderly-bot logs` shows the log of the agent itself',
  },
});

interface InstallOptions {
  readonly config: string | undefined;
  /** The user to run as. If undefined, the service's own user, which is created. */
  readonly user: string | undefined;
  /** If set, the units are written below this directory instead of /, and nothing is started. */
  readonly root: string | undefined;
}

export function install({ config: given = DEFAULT_CONFIG, user = OWN_USER, root }: InstallOptions): number {
  const config = resolve(given);
  const { state_dir: stateDir, mqtt } = loadConfig(config, process.env, { leaveOut: true }).config;
  const key = mqtt.private_key;
  const identity = [mqtt.root_ca, mqtt.cert_file, isCredential(key) ? null : key].filter((path) => path !== null);
  const robot: Robot = { user, root: ROOT, config, stateDir, reads: identity, env: process.env };
  services.requirePlain([ROOT, config, stateDir]);
  if (root === undefined) {
    services.requireRoot();
    services.requireSystemd();
    if (user === OWN_USER && services.createUser(user, join(ROOT, 'systemd/elderly-bot.sysusers.conf')))
      printNow(`created the user ${user}`);
    services.requireUser(user, 'leave --user out, or create the user');
    moveFrom(services.installedUser(MAIN), user, stateDir);
  }
  for (const unit of UNITS) {
    const file = services.fileOf(unit, root);
    const credential = unit === MAIN && isCredential(key) ? credentialOf(key) : undefined;
    services.write(file, unitFor(readFileSync(join(ROOT, 'systemd', unit), 'utf8'), { ...robot, credential }));
    printNow(`wrote ${file}`);
  }
  if (root !== undefined) return 0;
  // systemd creates state directories only below /var/lib; create any other one here.
  if (!stateDir.startsWith('/var/lib/')) services.run('install', '-d', '-m', '0700', '-o', user, stateDir);
  for (const path of identity) adopt(path, user);
  for (const line of services.unreadable(user, [config, ...identity])) printNow(line);
  services.run('systemctl', 'daemon-reload');
  services.run('systemctl', 'enable', ...UNITS);
  services.run('systemctl', 'restart', ...UNITS);
  printNow(`elderly-bot runs as ${user}; \`elderly-bot service status\` and \`elderly-bot status\` show its state`);
  if (user !== OWN_USER) printNow(`every program of ${user} can read this robot’s key; without --user, none can`);
  return 0;
}

/** @returns the unit's line. @throws AgentError SERVICE_FAILED if systemd has no such credential. */
function credentialOf(key: string): string {
  const line = credentialLine(key, services.version());
  if (typeof line === 'string') return line;
  throw new AgentError('SERVICE_FAILED', line.text, { remedy: line.remedy });
}

/** Gives the files of an earlier installation with another user to the new user. */
function moveFrom(before: string | undefined, user: string, stateDir: string): void {
  const [from, to] = [before === undefined ? undefined : idsOf(before), idsOf(user)];
  if (before === undefined || before === user || from === undefined || to === undefined) return;
  // The old service must not write while its files change hands.
  services.run('systemctl', 'stop', ...UNITS);
  for (const path of [stateDir, FOLDER]) {
    const { given, left } = handOver(path, 'tree', from.uid, to);
    if (given > 0) printNow(`${path}: gave ${given} files and folders of ${before} to ${user}`);
    // In the other folder, the files of others and links are no surprise.
    if (path === stateDir) for (const line of left) printNow(`left as it is: ${line}`);
  }
  printNow(`programs of ${before} may have read this robot’s key: renew it with \`elderly-bot certs rotate\`, or import a new one`);
}

/** Gives a file of root, or of the user who called sudo, to the service's user if that user cannot read it. */
function adopt(path: string, user: string): void {
  const to = idsOf(user);
  if (to === undefined || services.unreadable(user, [path]).length === 0) return;
  const owners = [0, Number(process.env.SUDO_UID ?? 0)];
  if (owners.some((from) => handOver(path, 'file', from, to).given > 0)) printNow(`gave ${path} to ${user}`);
}

/** Keeps the state directory, because it may contain alerts that have not reached the cloud. */
export function uninstall(root: string | undefined): number {
  const isDone = services.uninstall(root);
  printNow(
    isDone
      ? 'uninstalled; kept: the state directory, with all rows and uploads that still wait for the cloud, and its owner, the service’s user'
      : 'no service is installed',
  );
  return 0;
}

/** @returns 0 if the agent is running, otherwise 3. The guard is not taken into account: it exits if no command moves the robot. */
export function status(): number {
  return services.status();
}

export function logs(follow: boolean, lines: number): number {
  return services.logs(follow, lines);
}
