// `elderly-bot service`: the agent and its guard as systemd services on this robot, under the user its ROS nodes run as.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type Robot, unitFor } from './unit.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const UNITS = ['elderly-bot-guard.service', 'elderly-bot.service'] as const;
const FOLDER = '/etc/systemd/system';
const DEFAULT_CONFIG = '/etc/elderly-bot/robot.yaml';

export interface InstallOptions {
  readonly config: string | undefined;
  /** Else who called sudo. */
  readonly user: string | undefined;
  /** Writes the units below this folder and starts nothing. */
  readonly root: string | undefined;
}

export function install({ config: given = DEFAULT_CONFIG, user: asked, root }: InstallOptions): number {
  const config = resolve(given);
  const { state_dir: stateDir, mqtt } = loadConfig(config, process.env, { leaveOut: true }).config;
  const user = asked ?? process.env.SUDO_USER ?? 'elderly-bot';
  const reads = [mqtt.root_ca, mqtt.cert_file, mqtt.private_key].filter((path) => path !== null);
  const robot: Robot = { user, root: ROOT, config, stateDir, nodeFolder: dirname(process.execPath), reads, env: process.env };
  for (const path of [ROOT, config, stateDir]) requirePlain(path);
  if (root === undefined) requireReady(user);
  const folder = join(root ?? '/', FOLDER);
  for (const unit of UNITS) {
    const text = unitFor(readFileSync(join(ROOT, 'systemd', unit), 'utf8'), robot);
    write(folder, unit, text);
    say(`wrote ${join(folder, unit)}`);
  }
  if (root !== undefined) return 0;
  // A state directory that systemd does not make.
  if (!stateDir.startsWith('/var/lib/')) run('install', ['-d', '-m', '0700', '-o', user, stateDir]);
  warnOfUnreadable(user, reads);
  systemctl('daemon-reload');
  systemctl('enable', ...UNITS);
  systemctl('restart', ...UNITS);
  say(`elderly-bot runs as ${user}; \`elderly-bot service status\` and \`elderly-bot status\` say how it is`);
  return 0;
}

/** The state directory stays: alerts may wait in it. */
export function uninstall(root: string | undefined): number {
  const files = UNITS.map((unit) => join(root ?? '/', FOLDER, unit)).filter((file) => existsSync(file));
  if (files.length === 0) {
    say('there is nothing to uninstall');
    return 0;
  }
  if (root === undefined) {
    requireReady(undefined);
    systemctl('disable', '--now', ...UNITS);
  }
  for (const file of files) rmSync(file);
  if (root === undefined) systemctl('daemon-reload');
  say('uninstalled; its state directory with whatever still waits for the cloud is left where it is');
  return 0;
}

/** @returns 0 where the agent runs, 3 where it does not; a guard that has nothing to guard has ended. */
export function status(): number {
  through('systemctl', ['status', '--no-pager', '--lines=5', ...UNITS]);
  return through('systemctl', ['is-active', '--quiet', 'elderly-bot.service']);
}

export function logs(follow: boolean, lines: number): number {
  if (!existsSync('/run/systemd/system')) {
    throw new AgentError('SERVICE_FAILED', 'systemd does not run on this machine, so it has no log of a service', {
      todo: 'elderly-bot logs shows what the agent itself wrote',
    });
  }
  const units = UNITS.flatMap((unit) => ['--unit', unit]);
  return through('journalctl', [...units, '--output=cat', '--no-pager', `--lines=${lines}`, ...(follow ? ['--follow'] : [])]);
}

/** systemd would read a space as an end; no robot needs one here. */
function requirePlain(path: string): void {
  if (/^[\w./@%$:+,=~-]+$/.test(path)) return;
  throw new AgentError('SERVICE_FAILED', `${path}: a systemd unit can’t name a path with spaces, quotes or other letters`, {
    todo: 'move it, for example to /opt/elderly-bot, /etc/elderly-bot or /var/lib/elderly-bot',
  });
}

function requireReady(user: string | undefined): void {
  if (process.getuid?.() !== 0) throw new AgentError('SERVICE_FAILED', 'only root may do that', { todo: 'call it with sudo' });
  if (!existsSync('/run/systemd/system')) {
    throw new AgentError('SERVICE_FAILED', 'systemd does not run on this machine', { todo: 'start `elderly-bot run` by what does' });
  }
  if (user === undefined || spawnSync('id', [user]).status === 0) return;
  throw new AgentError('SERVICE_FAILED', `there is no user ${user}`, { todo: 'give --user with the one the robot’s ROS nodes run as' });
}

function warnOfUnreadable(user: string, files: readonly string[]): void {
  for (const file of files) {
    const isReadable = spawnSync('runuser', ['-u', user, '--', 'test', '-r', file]).status === 0;
    if (!isReadable) say(`${file} can’t be read by ${user}: chown ${user} ${file} (a key keeps mode 0600)`);
  }
}

function write(folder: string, unit: string, text: string): void {
  const file = join(folder, unit);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, text);
  } catch (cause) {
    throw new AgentError('SERVICE_FAILED', `${file} can’t be written`, { todo: 'call it with sudo, or give --root', cause });
  }
}

function systemctl(...args: string[]): void {
  run('systemctl', args);
}

function run(command: string, args: readonly string[]): void {
  const { status: code, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (code === 0) return;
  throw new AgentError('SERVICE_FAILED', `${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`, {
    todo: 'look at `systemctl status elderly-bot` and `journalctl -u elderly-bot`',
  });
}

function through(command: string, args: readonly string[]): number {
  const { status: code, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) throw new AgentError('SERVICE_FAILED', `${command}: ${error.message}`, { todo: 'systemd has to be on this machine' });
  return code ?? 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
