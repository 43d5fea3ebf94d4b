// A worker's whole program: looks at every page of an outbox file, read-only, and says what it found.
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { messageOf } from '../base/index.ts';
import { quickCheck } from './schema.ts';

const { file } = workerData as { file: string };
const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
let found: string | undefined;
try {
  found = quickCheck(db);
} catch (error) {
  found = messageOf(error);
} finally {
  db.close();
}
parentPort?.postMessage({ found });
