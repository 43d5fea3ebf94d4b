// Runs the cloud in its own process and parses its log lines.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

export type LogLine = Readonly<Record<string, unknown>>;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class CloudProcess {
  readonly lines: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #stderr = '';
  #rest = '';
  #hasEnded = false;
  #waiting: (() => void)[] = [];

  /** @param cwd the working directory, which may contain a `.env`. */
  constructor(environment: Readonly<Record<string, string>>, cwd: string) {
    const env = { PATH: process.env.PATH ?? '', SECRET_KEY: 'a secret of tests, long enough for them', ...environment };
    this.#child = spawn(process.execPath, ['--import', TSX, MAIN, 'serve'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#read(chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#hasEnded = true;
      this.#wake();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Waits for the first log line of this event. @throws if the process ends without it. */
  async said(event: string): Promise<LogLine> {
    for (;;) {
      const line = this.lines.find((each) => each.event === event);
      if (line) return line;
      if (this.#hasEnded) throw new Error(`the cloud ended without the log line ${event}: ${this.#stderr}${JSON.stringify(this.lines)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The address of the cloud, as soon as it is ready. */
  async url(): Promise<string> {
    return String((await this.said('cloud_ready')).url);
  }

  #read(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.lines.push(JSON.parse(part) as LogLine);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
