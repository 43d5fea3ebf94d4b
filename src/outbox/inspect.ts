// Checks every page of the outbox file while the agent uses it. The check runs in a worker thread on its own connection, so that it does
// not block the event loop, however large the file is. This module contains both the caller and the worker's entry point.
import { join } from 'node:path';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { messageOf } from '../base/index.ts';
import { OUTBOX_FILE } from './repair.ts';
import { quickCheck } from './schema.ts';

/** This module's compiled file. Worker threads cannot load TypeScript, so even an agent run from source starts the compiled worker. */
const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? '../../dist/outbox/inspect.js' : '../outbox/inspect.js', import.meta.url);

interface Order {
  readonly inspectOutboxFile: string;
}

/**
 * @returns SQLite's description of the damage; undefined if there is no damage or the signal was aborted first.
 * @throws if the worker cannot run the check.
 */
export function inspectOutboxFile(stateDir: string, signal: AbortSignal): Promise<string | undefined> {
  const worker = new Worker(PROGRAM, { workerData: { inspectOutboxFile: join(stateDir, OUTBOX_FILE) } satisfies Order });
  const end = () => void worker.terminate();
  signal.addEventListener('abort', end, { once: true });
  return new Promise<string | undefined>((resolve, reject) => {
    worker.once('message', ({ found }: { found: string | undefined }) => resolve(found));
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  }).finally(() => signal.removeEventListener('abort', end));
}

function inspect(file: string): string | undefined {
  const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  try {
    return quickCheck(db);
  } catch (error) {
    return messageOf(error);
  } finally {
    db.close();
  }
}

const order = workerData as Partial<Order> | null;
if (order?.inspectOutboxFile !== undefined) parentPort?.postMessage({ found: inspect(order.inspectOutboxFile) });
