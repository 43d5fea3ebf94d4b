// A robot that has only a configuration, and a function that runs `elderly-bot certs`.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/lab/program.ts';

export interface Ran {
  readonly code: number;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

export class CertsBench {
  readonly folder: string;
  readonly stateDir: string;
  readonly config: string;

  constructor(folder = CertsBench.newFolder()) {
    this.folder = folder;
    this.stateDir = join(folder, 'state');
    this.config = join(folder, 'robot.yaml');
    this.configure('');
  }

  static newFolder(): string {
    return mkdtempSync(join(tmpdir(), 'elderly-bot-certs-'));
  }

  /** @param lines YAML after the key `state_dir`. */
  configure(lines: string): void {
    writeFileSync(this.config, `state_dir: state\n${lines}\n`);
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const words = [join(ROOT, 'dist/cli/main.js'), 'certs', ...args, ...(args[0] === 'dev-ca' ? [] : ['--config', this.config])];
    return new Promise((resolve) => {
      execFile(process.execPath, words, { env: { ...process.env, ...env } }, (error, out, err) => {
        const code = typeof error?.code === 'number' ? error.code : 0;
        resolve({ code, signal: error?.signal ?? null, out, err });
      });
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
