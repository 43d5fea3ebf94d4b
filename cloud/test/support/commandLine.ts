// Runs a command of elderly-bot-cloud in its own process until it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param cwd the working directory, which may contain a `.env`. */
export async function cloudCommand(args: readonly string[], environment: Readonly<Record<string, string>>, cwd: string): Promise<Said> {
  const env = { PATH: process.env.PATH ?? '', NODE_NO_WARNINGS: '1', ...environment };
  const child = spawn(process.execPath, ['--import', TSX, MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: code as number | null, stdout, stderr };
}
