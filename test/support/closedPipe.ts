// Runs a command whose output goes to a pipe, and closes the pipe after the first data, as `| head -1` does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { AGENT } from '../../scripts/lab/program.ts';

/** @returns the exit code and the text on stderr. */
export async function runWithClosedPipe(...args: readonly string[]): Promise<[code: unknown, stderr: string]> {
  const child = spawn(AGENT, args);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'close');
  return [code, stderr];
}
