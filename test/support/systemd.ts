// Runs a real systemd as PID 1 of private namespaces, with a user for the robot's nodes. Tests install, kill and restart units and cut the
// power without changing the machine. Only one lab runs at a time, because all share the machine's control groups.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/lab/program.ts';
import type { Status } from '../../src/status/index.ts';
import { awaitStatus } from './agentStatus.ts';
import { until } from './until.ts';

export const ROBOT_USER = { name: 'robot', id: 4242 } as const;

/** The checkout's path in the lab. The units expect it there, whatever its real folder is. */
export const LAB_ROOT = '/opt/elderly-bot';
export const LAB_AGENT = `${LAB_ROOT}/bin/elderly-bot`;

const SYSTEMD = '/lib/systemd/systemd';
const LOCK = '/tmp/elderly-bot-systemd-lab.lock';
const UP_WITHIN_MS = 20_000;
/** The longest wait for another test that has the lab. */
const TURN_WITHIN_MS = 300_000;

/** For a test's `skip`: the reason why systemd cannot start, or false. */
export function systemdMissing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for namespaces of its own';
  if (!existsSync(SYSTEMD) || !existsSync('/usr/bin/dbus-daemon')) return 'no systemd: apt-get install systemd dbus';
  if (existsSync('/run/systemd/system')) return 'systemd runs this machine: a second one would take its control groups';
  const { status } = spawnSync('unshare', ['--mount', '--pid', '--fork', '--cgroup', '--uts', '--ipc', '--mount-proc', 'true']);
  return status === 0 ? false : 'no namespaces here (unshare)';
}

export interface Ended {
  readonly code: number | null;
  readonly text: string;
}

export type Properties = Readonly<Record<string, string>>;

export class SystemdLab {
  readonly folder = mkdtempSync(join(tmpdir(), 'elderly-bot-lab-'));
  readonly #killOnExit = (): void => void this.#outer?.kill('SIGKILL');
  #outer: ChildProcess | undefined;
  #pid = 0;

  private constructor() {
    // Users other than root need access in the lab.
    chmodSync(this.folder, 0o711);
    process.on('exit', this.#killOnExit);
  }

  static async start(): Promise<SystemdLab> {
    const lab = new SystemdLab();
    try {
      await lab.#boot('lab.target');
      await lab.until(() => lab.run('systemctl', 'is-active', 'lab.target').code === 0, UP_WITHIN_MS);
    } catch (error) {
      await lab.stop();
      throw error;
    }
    return lab;
  }

  /** Ends all processes at once and starts systemd again. Resolves when systemd answers; `unit` may still be starting. */
  async powerCut(unit: string): Promise<void> {
    await this.#end();
    await this.#boot(unit);
  }

  /** The path in this process's file system of a path in the lab. */
  path(inLab: string): string {
    return `/proc/${this.#pid}/root${inLab}`;
  }

  /** Runs a command in the lab, as root. */
  run(command: string, ...args: string[]): Ended {
    return this.runWith({}, command, ...args);
  }

  runWith(env: NodeJS.ProcessEnv, command: string, ...args: string[]): Ended {
    const line = ['-t', String(this.#pid), '-m', '-p', '-u', '-i', '-C', '--', command, ...args];
    const all = { ...process.env, ...env };
    // The launcher finds the checkout's ROS by itself. Its path here may not exist in the lab.
    if (all.AMENT_PREFIX_PATH?.startsWith(ROOT)) for (const name of ['AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH']) delete all[name];
    const { status, stdout, stderr } = spawnSync('nsenter', line, { encoding: 'utf8', env: all, cwd: '/' });
    return { code: status, text: `${stdout}${stderr}` };
  }

  /** Like {@link run}. @throws if the exit code is not 0. */
  must(command: string, ...args: string[]): string {
    const { code, text } = this.run(command, ...args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${text}`);
    return text;
  }

  properties(unit: string, ...names: string[]): Properties {
    const text = this.must('systemctl', 'show', unit, `--property=${names.join(',')}`);
    return Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
  }

  /** The unit's main process as a pid of this process's namespace; 0 if the unit has no process. */
  mainPid(unit: string): number {
    const inner = this.properties(unit, 'MainPID').MainPID;
    return inner === '0' ? 0 : outerPid(this.#pid, String(inner));
  }

  /**
   * Starts a process in the unit's control group that fills its memory, so that the kernel kills the agent. Resolves when that process has
   * ended too.
   */
  async takeMemoryOf(unit: string): Promise<void> {
    const pid = String(this.properties(unit, 'MainPID').MainPID);
    const hog = spawn('nsenter', ['-t', String(this.#pid), '-m', '-p', '--', '/usr/bin/python3', `${LAB_ROOT}/test/support/hog.py`, pid]);
    let stderr = '';
    hog.stderr.on('data', (part: Buffer) => {
      stderr += part.toString();
    });
    await once(hog, 'exit');
    if (stderr !== '') throw new Error(`hog.py: ${stderr}`);
  }

  journal(unit: string): string {
    return this.run('journalctl', '--unit', unit, '--output=cat', '--no-pager').text;
  }

  /** Polls the agent's status and resolves with the first that fits. */
  status(stateDir: string, fits: (status: Status) => boolean, patienceMs?: number): Promise<Status> {
    return awaitStatus(this.path(stateDir), fits, patienceMs);
  }

  async until(fits: () => boolean | Promise<boolean>, patienceMs: number): Promise<void> {
    await until(fits, fits.toString().slice(0, 200), { patienceMs, everyMs: 50 });
  }

  async stop(): Promise<void> {
    await this.#end();
    process.off('exit', this.#killOnExit);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #boot(unit: string): Promise<void> {
    const inner = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--cgroup', '--uts', '--ipc', '--mount-proc'];
    const script = join(ROOT, 'test/support/systemd-lab.sh');
    const line = [LOCK, ...inner, 'sh', script, this.folder, ROBOT_USER.name, String(ROBOT_USER.id), ROOT, unit];
    const outer = spawn('flock', ['--no-fork', ...line], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#outer = outer;
    let stderr = '';
    outer.stderr?.on('data', (part: Buffer) => {
      stderr += part.toString();
    });
    await this.until(() => {
      if (outer.exitCode !== null) throw new Error(`the lab ended: ${stderr}`);
      this.#pid = childOf(outer.pid);
      return this.#pid > 0;
    }, TURN_WITHIN_MS);
    await this.until(() => {
      if (outer.exitCode !== null) throw new Error(`the lab ended: ${stderr}`);
      return this.run('systemctl', 'show', '--property=Version').code === 0;
    }, UP_WITHIN_MS);
  }

  async #end(): Promise<void> {
    const outer = this.#outer;
    if (outer === undefined || outer.exitCode !== null || outer.signalCode !== null) return;
    const gone = once(outer, 'exit');
    if (this.#pid > 0) process.kill(this.#pid, 'SIGKILL');
    else outer.kill('SIGKILL');
    await gone;
  }
}

/** The only child of `unshare`, which is PID 1 in the lab. */
function childOf(pid: number | undefined): number {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? Number(readFileSync(file, 'utf8').trim().split(' ')[0] ?? 0) : 0;
}

/** The pid in this namespace of the lab's process `inner`. */
function outerPid(init: number, inner: string): number {
  const space = (pid: string) => readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:\t\d+\t(\d+)$/m)?.[1];
  const parents = new Set([init]);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (space(pid) === inner && isBelow(Number(pid), parents)) return Number(pid);
    } catch {
      // The process ended in the meantime.
    }
  }
  return 0;
}

function isBelow(pid: number, roots: ReadonlySet<number>): boolean {
  for (let at = pid; at > 1; ) {
    if (roots.has(at)) return true;
    at = Number(readFileSync(`/proc/${at}/status`, 'utf8').match(/^PPid:\t(\d+)$/m)?.[1] ?? 0);
  }
  return false;
}
