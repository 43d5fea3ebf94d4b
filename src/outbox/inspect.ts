// The check of every page, beside a running agent: in a thread and on a connection of its own, so that a big backlog delays nothing.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { OUTBOX_FILE } from './repair.ts';

/** The worker's program is an entry of the bundle; threads know no TypeScript, so it is the built one that runs from src/ too. */
const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? '../../dist/outbox/inspector.js' : '../outbox/inspector.js', import.meta.url);

/**
 * @returns what is wrong with the file in `stateDir`, in SQLite's words; undefined where it is whole, or where the signal came first.
 * @throws where the check itself could not run.
 */
export function inspectOutboxFile(stateDir: string, signal: AbortSignal): Promise<string | undefined> {
  const worker = new Worker(PROGRAM, { workerData: { file: join(stateDir, OUTBOX_FILE) } });
  const end = () => void worker.terminate();
  signal.addEventListener('abort', end, { once: true });
  return new Promise<string | undefined>((resolve, reject) => {
    worker.once('message', ({ found }: { found: string | undefined }) => resolve(found));
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  }).finally(() => signal.removeEventListener('abort', end));
}
