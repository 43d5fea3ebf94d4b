// Runs a program of this project as a user would. Tests can await its JSON log lines. It is ended by its pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type LogLine = Readonly<Record<string, unknown>> & { readonly event?: string };

interface Awaited {
  readonly wanted: (line: LogLine) => boolean;
  readonly resolve: (line: LogLine) => void;
}

const PATIENCE_MS = 60_000;
const KEPT_LINES = 200_000;

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const AGENT = `${ROOT}bin/elderly-bot`;

export class Program {
  readonly name: string;
  readonly lines: LogLine[] = [];
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #awaited = new Set<Awaited>();
  readonly #heard: (line: LogLine) => void;
  readonly #killOnExit = (): void => void this.#child.kill('SIGKILL');
  #stderr = '';

  /** @param heard called for each line. */
  constructor(
    name: string,
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
    cwd = ROOT,
    heard: (line: LogLine) => void = () => {},
  ) {
    this.#heard = heard;
    this.name = name;
    // A session of its own: Ctrl-C at the terminal reaches only the parent, which then stops its programs in order.
    this.#child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#child.stdin?.on('error', () => {});
    process.on('exit', this.#killOnExit);
    this.exited = once(this.#child, 'close').then(([code]) => code as number | null);
    void this.exited.then(() => process.off('exit', this.#killOnExit));
    const { stdout, stderr } = this.#child;
    if (stdout) createInterface({ input: stdout }).on('line', (text) => this.#take(text));
    stderr?.on('data', (part: Buffer) => {
      this.#stderr = `${this.#stderr}${part.toString()}`.slice(-20_000);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The first past or future line with this event that fits. Rejects if the program ends first. */
  async event(name: string, fits: (line: LogLine) => boolean = () => true, patienceMs = PATIENCE_MS): Promise<LogLine> {
    const wanted = (line: LogLine) => line.event === name && fits(line);
    const past = this.lines.find(wanted);
    if (past) return past;
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        this.#awaited.delete(awaited);
        clearTimeout(timer);
        const last = this.lines.slice(-3).map((line) => JSON.stringify(line));
        reject(new Error(`${this.name}: ${why} while waiting for ${name}\n${last.join('\n')}\n${this.#stderr.slice(-2_000)}`));
      };
      const timer = setTimeout(() => fail(`nothing in ${patienceMs} ms`), patienceMs);
      const awaited: Awaited = {
        wanted,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
      this.#awaited.add(awaited);
      void this.exited.then((code) => {
        if (this.#awaited.has(awaited)) fail(`it ended with ${code}`);
      });
    });
  }

  /** Writes a line to its standard input. */
  order(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  endOrders(): void {
    this.#child.stdin?.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends SIGTERM, and SIGKILL after the patience. @returns the exit code. */
  async stop(patienceMs = 12_000): Promise<number | null> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  #take(text: string): void {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      line = { text };
    }
    this.lines.push(line);
    this.#heard(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    for (const awaited of [...this.#awaited]) {
      if (!awaited.wanted(line)) continue;
      this.#awaited.delete(awaited);
      awaited.resolve(line);
    }
  }
}
