// Access to the database in the process for the commands beside a running cloud. Only one process may open the folder, so the cloud that
// has it runs their statements, on a socket beside the folder that only its owner can use. Rows keep their types (v8's serialization).

import { existsSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { deserialize, serialize } from 'node:v8';
import { messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Database, Param, Sql } from './database.ts';

/** The part of a database that the commands use. */
export type CommandDatabase = Sql & Pick<Database, 'kind' | 'dump' | 'close'>;

/** Linux allows 107 bytes in a socket's path. */
const MAX_PATH_BYTES = 107;

/** A copy of a large folder takes a while; a cloud that does not answer within this time is reported. */
const ANSWERS_WITHIN_MS = 300_000;

const [QUERY, SCRIPT, DUMP] = ['/query', '/script', '/dump'];

export function socketPathOf(folder: string): string {
  return `${folder.replace(/\/+$/, '')}.sock`;
}

export class DatabaseSocket {
  readonly #path: string;
  readonly #server: Server;

  /** @param folder the folder of the database, which only this process has open. */
  constructor(db: Database, folder: string) {
    this.#path = socketPathOf(folder);
    this.#server = createServer((asked, answer) => {
      void answered(db, asked).then(
        (bytes) => answer.end(bytes),
        (error: unknown) => answer.writeHead(422).end(messageOf(error)),
      );
    });
  }

  /** @throws Error if the socket can't be made; the cloud runs without it. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_PATH_BYTES) throw new Error(`${this.#path} is longer than ${MAX_PATH_BYTES} bytes`);
    // This process has the folder, so an existing socket was left by a cloud that was killed.
    rmSync(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      // listen() binds before it returns, so the socket never exists with wider permissions.
      const mask = process.umask(0o177);
      this.#server.once('error', reject).listen(this.#path, resolve);
      process.umask(mask);
    });
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeIdleConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function answered(db: Database, asked: IncomingMessage): Promise<Buffer> {
  const body = await buffer(asked);
  if (asked.url === DUMP) return Buffer.from((await (await db.dump?.())?.arrayBuffer()) ?? new ArrayBuffer(0));
  const [text, params] = deserialize(body) as [string, readonly Param[]];
  if (asked.url === QUERY) return serialize(await db.query(text, params));
  await db.script(text);
  return serialize(null);
}

/** The database of the cloud that runs on this folder; null if no cloud runs on it. */
export async function databaseOverSocket(folder: string): Promise<CommandDatabase | null> {
  const path = socketPathOf(folder);
  if (!existsSync(path) || !(await isAnswered(path))) return null;
  return {
    kind: 'pglite',
    query: async <Row>(text: string, params: readonly Param[] = []) =>
      deserialize(await ask(path, QUERY, serialize([text, params]))) as Row[],
    script: async (text) => void (await ask(path, SCRIPT, serialize([text, []]))),
    dump: async () => new Blob([new Uint8Array(await ask(path, DUMP))]),
    close: () => Promise.resolve(),
  };
}

/** False if the socket was left by a cloud that was killed. */
async function isAnswered(path: string): Promise<boolean> {
  try {
    await ask(path, QUERY, serialize(['select 1', []]));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return false;
    if (code === 'EACCES') throw new Refusal(`${path}: permission denied; run this as the cloud's user`, { cause: error });
    throw error;
  }
}

async function ask(socketPath: string, path: string, body: Uint8Array = new Uint8Array()): Promise<Buffer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ socketPath, path, method: 'POST', agent: false, timeout: ANSWERS_WITHIN_MS }, resolve);
    asked.once('timeout', () => asked.destroy(new Refusal(`the cloud behind ${socketPath} does not answer; look at its log, restart it`)));
    asked.once('error', reject).end(body);
  });
  const bytes = await buffer(answer);
  if (answer.statusCode !== 200) throw new Error(bytes.toString());
  return bytes;
}
