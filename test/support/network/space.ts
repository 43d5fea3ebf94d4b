// A network namespace with a mount namespace for its own /sys and files below /etc. A process holds both: `cat`, which ends with its
// standard input, so nothing remains after the end of this process, however it ends. No namespace has a name, so runs cannot collide.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from '../../../scripts/lab/program.ts';
import type { Launch } from '../launch.ts';
import { networkFolder } from './folder.ts';

const HOLDER = ['--net', '--mount', 'cat'];

export class Space {
  readonly name: string;
  readonly #holder: ChildProcessWithoutNullStreams;
  readonly #folder: string;

  private constructor(name: string, holder: ChildProcessWithoutNullStreams, folder: string) {
    this.name = name;
    this.#holder = holder;
    this.#folder = folder;
  }

  /** @param files contents of existing files, such as /etc/hosts, as programs in this space see them. */
  static async start(name: string, files: Readonly<Record<string, string>> = {}): Promise<Space> {
    // A session of its own: Ctrl-C at the terminal reaches only this process.
    const holder = spawn('unshare', HOLDER, { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const space = new Space(name, holder, networkFolder());
    try {
      await space.#build(files);
    } catch (error) {
      await space.stop();
      throw error;
    }
    return space;
  }

  get pid(): number {
    return this.#holder.pid ?? 0;
  }

  /** The command line that runs a program here. The program is killed when this process ends. */
  readonly launch: Launch = (...words) => {
    const enter = ['--net', '--mount', '--wd', '-t', String(this.pid), '--'];
    return ['nsenter', ...enter, 'setpriv', '--pdeathsig', 'KILL', '--', ...words];
  };

  /** Runs a program here until it ends. @returns its output. @throws its output if the exit code is not 0. */
  must(program: string, ...args: readonly string[]): string {
    return this.#run('', program, args);
  }

  /** Runs commands of `ip`, one a line. */
  ip(...lines: readonly string[]): void {
    this.#run(lines.join('\n'), 'ip', ['-batch', '-']);
  }

  /** Writes a kernel parameter of this namespace: `sysctl('net/ipv4/ip_forward', 1)`. */
  sysctl(name: string, value: number): void {
    this.must('sh', '-c', `echo ${value} >/proc/sys/${name}`);
  }

  async #build(files: Readonly<Record<string, string>>): Promise<void> {
    const { stdin, stdout, stderr } = this.#holder;
    stdin.on('error', () => {});
    stdin.write('ready\n');
    // The answer comes from `cat`, in the new namespaces.
    const [answer] = (await Promise.race([once(stdout, 'data'), once(this.#holder, 'exit')])) as [Buffer | number];
    if (!Buffer.isBuffer(answer)) throw new Error(`unshare ended with ${answer}: ${stderr.read()}`);
    this.must('mount', '-t', 'sysfs', 'sysfs', '/sys');
    this.ip('link set lo up');
    for (const [path, content] of Object.entries(files)) {
      const copy = join(this.#folder, basename(path));
      writeFileSync(copy, content);
      this.must('mount', '--bind', copy, path);
    }
  }

  async stop(): Promise<void> {
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) {
      const gone = once(this.#holder, 'exit');
      this.#holder.stdin.end();
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(input: string, program: string, args: readonly string[]): string {
    const [command, ...words] = this.launch(program, ...args);
    const { status, error, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8', input });
    if (status !== 0) throw new Error(`${this.name}: ${program} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`} ${input}`);
    return stdout;
  }
}
