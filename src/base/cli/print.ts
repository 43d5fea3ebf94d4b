// The output of commands: lines on stdout that wait for a slow reader at the other end of the pipe.
import { once } from 'node:events';

let isWatched = false;

/** Prints a line. If the reader has gone (EPIPE), the process ends quietly. */
export async function print(line: string): Promise<void> {
  if (!isWatched) process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
  isWatched = true;
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}
