// Runs a robot that takes pictures and is killed at a named step, repeatedly on one state directory. Its last run drains the spool.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { ROOT } from '../../scripts/lab/program.ts';
import { CRASH_AT, type UPLOAD_CRASH_POINTS } from '../../src/base/index.ts';

export interface KilledRobotOptions {
  readonly folder: string;
  readonly origin: string;
  readonly files: { readonly cert: string; readonly key: string };
}

const KILLED_WITHIN_MS = 60_000;
/** The last run uploads everything that earlier runs left. */
const ALL_WITHIN_MS = 300_000;

/** A bundle, because reading the sources would take most of each start. It is beside node_modules, which contains its native modules. */
export async function bundleLife(entry = 'test/uploads/uploadLife.ts'): Promise<{ readonly file: string; remove(): void }> {
  mkdirSync(join(ROOT, '.setup'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.setup', 'life-'));
  const file = join(folder, 'life.mjs');
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    external: ['better-sqlite3'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export class KilledRobot {
  readonly folder: string;
  readonly #options: KilledRobotOptions;
  readonly #life: string;
  /** Hashes of the kept pictures. */
  readonly kept: string[] = [];
  kills = 0;

  constructor(life: string, options: KilledRobotOptions) {
    this.#life = life;
    this.#options = options;
    this.folder = options.folder;
    mkdirSync(options.folder, { recursive: true });
  }

  /**
   * Runs it once.
   * @param point the step at which it is killed; undefined lets it run until the spool is empty.
   * @throws if it ends otherwise.
   */
  async live(pictures: number, point?: (typeof UPLOAD_CRASH_POINTS)[number], nth = 1): Promise<void> {
    const { folder, origin, files } = this.#options;
    const child = spawn(process.execPath, [this.#life, folder, origin, files.cert, files.key, String(pictures)], {
      env: { ...process.env, [CRASH_AT]: point === undefined ? '' : `${point}:${nth}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), point === undefined ? ALL_WITHIN_MS : KILLED_WITHIN_MS);
    const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const [said, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    clearTimeout(timer);
    this.kept.push(...[...said.matchAll(/^kept (\w+)$/gm)].map(([, sha256]) => String(sha256)));
    if (signal === 'SIGKILL' && point !== undefined) this.kills++;
    else if (code !== 0) throw new Error(`it ended with ${code ?? signal}: ${said.slice(-300)} ${stderr.slice(-500)}`);
  }
}
