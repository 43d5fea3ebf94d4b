// `elderly-bot service`: installs the agent and its guard as systemd services, which must run as the same user as the robot's ROS nodes.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printNow, Services } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type Robot, unitFor } from './unit.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const UNITS = ['elderly-bot-guard.service', 'elderly-bot.service'] as const;
const DEFAULT_CONFIG = '/etc/elderly-bot/robot.yaml';

const services = new Services({
  units: UNITS,
  main: 'elderly-bot.service',
  error: (_kind, text, remedy, cause) => new AgentError('SERVICE_FAILED', text, { remedy, cause }),
  withoutSystemd: {
    start: 'start `elderly-bot run` with this machine’s own service manager',
    logs: '`elderly-bot logs` shows the log of the agent itself',
  },
});

interface InstallOptions {
  readonly config: string | undefined;
  /** The user to run as. If undefined, the user who called sudo. */
  readonly user: string | undefined;
  /** If set, the units are written below this directory instead of /, and nothing is started. */
  readonly root: string | undefined;
}

export function install({ config: given = DEFAULT_CONFIG, user: asked, root }: InstallOptions): number {
  const config = resolve(given);
  const { state_dir: stateDir, mqtt } = loadConfig(config, process.env, { leaveOut: true }).config;
  const user = asked ?? process.env.SUDO_USER ?? 'elderly-bot';
  const reads = [mqtt.root_ca, mqtt.cert_file, mqtt.private_key].filter((path) => path !== null);
  const robot: Robot = { user, root: ROOT, config, stateDir, reads, env: process.env };
  services.requirePlain([ROOT, config, stateDir]);
  if (root === undefined) {
    services.requireRoot();
    services.requireSystemd();
    services.requireUser(user, 'set --user to the user of the robot’s ROS nodes');
  }
  for (const unit of UNITS) {
    const file = services.fileOf(unit, root);
    services.write(file, unitFor(readFileSync(join(ROOT, 'systemd', unit), 'utf8'), robot));
    printNow(`wrote ${file}`);
  }
  if (root !== undefined) return 0;
  // systemd creates state directories only below /var/lib; create any other one here.
  if (!stateDir.startsWith('/var/lib/')) services.run('install', '-d', '-m', '0700', '-o', user, stateDir);
  for (const line of services.unreadable(user, reads)) printNow(line);
  services.run('systemctl', 'daemon-reload');
  services.run('systemctl', 'enable', ...UNITS);
  services.run('systemctl', 'restart', ...UNITS);
  printNow(`elderly-bot runs as ${user}; \`elderly-bot service status\` and \`elderly-bot status\` show its state`);
  return 0;
}

/** Keeps the state directory, because it may contain alerts that have not reached the cloud. */
export function uninstall(root: string | undefined): number {
  const isDone = services.uninstall(root);
  printNow(
    isDone
      ? 'uninstalled; the state directory is kept, with all rows and uploads that still wait for the cloud'
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
