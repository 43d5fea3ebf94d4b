// Starts an outbox whose dropped statements V8 collects repeatedly (collectLife.ts), and returns how the process ended.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Life {
  readonly rows: number;
  /** Rows that receipts cover. */
  readonly covered: number;
  /** Statements prepared and dropped outside the outbox. */
  readonly statements: number;
  readonly collections: number;
  readonly rss_bytes: number;
  /** Broken rules and reported errors of the outbox. */
  readonly wrong: readonly string[];
}

export interface Ended {
  /** Undefined if the process ended before it could print it. */
  readonly life: Life | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

const LIFE = fileURLToPath(new URL('collectLife.ts', import.meta.url));
const SHOWN_CHARACTERS = 1_000;
/** Makes each collection a full one, about once per MB. */
const FLAGS = ['--expose-gc', '--gc-global', '--max-semi-space-size=1', '--import', 'tsx'];

/** Ends after the first of both limits. @param rounds of 20 rows each @param forMs in milliseconds */
export async function collecting(rounds: number, forMs: number): Promise<Ended> {
  // After an abort the outbox's files remain.
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-collect-'));
  try {
    const child = spawn(process.execPath, [...FLAGS, LIFE, String(rounds), String(forMs)], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<[code: number | null, signal: NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve([code, signal]));
    });
    const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    const life = stdout === '' ? undefined : (JSON.parse(stdout) as Life);
    return { life, code, signal, stderr: stderr.trim().slice(0, SHOWN_CHARACTERS) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
