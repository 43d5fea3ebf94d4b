// Installs the agent and its guard as systemd services, with the user of the robot's ROS nodes (`elderly-bot service`).
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Services } from '../base/index.ts';
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
  /** Undefined selects the user that called sudo. */
  readonly user: string | undefined;
  /** Writes the units below this folder and starts nothing. */
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
    print(`wrote ${file}`);
  }
  if (root !== undefined) return 0;
  // systemd creates only state directories below /var/lib.
  if (!stateDir.startsWith('/var/lib/')) services.run('install', '-d', '-m', '0700', '-o', user, stateDir);
  for (const line of services.unreadable(user, reads)) print(line);
  services.run('systemctl', 'daemon-reload');
  services.run('systemctl', 'enable', ...UNITS);
  services.run('systemctl', 'restart', ...UNITS);
  print(`elderly-bot runs as ${user}; \`elderly-bot service status\` and \`elderly-bot status\` show its state`);
  return 0;
}

/** Keeps the state directory, because alerts may wait in it. */
export function uninstall(root: string | undefined): number {
  const isDone = services.uninstall(root);
  print(
    isDone
      ? 'uninstalled; the state directory is kept, with all rows and uploads that still wait for the cloud'
      : 'no service is installed',
  );
  return 0;
}

/** @returns 0 if the agent runs, else 3. The guard may have ended, because without motions it has no task. */
export function status(): number {
  return services.status();
}

export function logs(follow: boolean, lines: number): number {
  return services.logs(follow, lines);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
