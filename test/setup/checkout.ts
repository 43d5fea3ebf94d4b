// A temporary copy of this checkout without installed packages, and folders for a PATH that contain only selected programs.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from '../../scripts/lab/program.ts';

const FILES = ['bin', 'scripts', 'package.json', 'package-lock.json', '.npmrc', 'cloud/package.json'];
const SHELL = ['sh', 'env', 'dirname', 'readlink', 'mkdir', 'id', 'mktemp', 'flock', 'cat'];

/** @returns the path of a program on the PATH of this process. */
export function find(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly lines: readonly string[];
}

export class Checkout {
  readonly root: string;
  readonly #folder: string;

  constructor(name = 'checkout') {
    this.#folder = mkdtempSync(join(tmpdir(), 'elderly-bot-setup-'));
    this.root = join(this.#folder, name);
    for (const file of FILES) cpSync(join(ROOT, file), join(this.root, file), { recursive: true });
  }

  path(...parts: string[]): string {
    return join(this.#folder, ...parts);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), text);
  }

  /** Installs a pinned Node.js: the Node.js of this process, or a shell script. @returns its folder. */
  pinNode(script?: string): string {
    const folder = join(this.root, 'node_modules', `node-linux-${process.arch}`, 'bin');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    if (script === undefined) symlinkSync(process.execPath, join(folder, 'node'));
    else writeFileSync(join(folder, 'node'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return folder;
  }

  /** @returns a folder with the programs that a shell needs, the given programs, and the given shell scripts by name. */
  only(programs: readonly string[], scripts: Readonly<Record<string, string>> = {}): string {
    const bin = mkdtempSync(join(this.#folder, 'bin-'));
    for (const program of [...SHELL, ...programs]) {
      const path = find(program);
      if (path !== undefined) symlinkSync(path, join(bin, program));
    }
    for (const [name, text] of Object.entries(scripts)) writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return bin;
  }

  /** @returns the PATH of this process with a folder of these scripts at its start. */
  with(scripts: Readonly<Record<string, string>>): string {
    return `${this.only([], scripts)}${delimiter}${process.env.PATH}`;
  }

  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd = this.#folder): Ended {
    const ended = spawnSync(program, args, { cwd, env: { HOME: this.#folder, ...env }, encoding: 'utf8' });
    return { code: ended.status, stdout: ended.stdout, lines: ended.stderr.split('\n').filter((line) => line !== '') };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
