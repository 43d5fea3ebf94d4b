// What a command prints: it waits for a slow reader at the other end of the pipe, and ends quietly with one that has gone.
import { once } from 'node:events';

export async function print(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain');
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
