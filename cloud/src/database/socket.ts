// Lets other commands use PGlite while a cloud runs. Only one process can open the data directory, so the cloud runs their statements for
// them. The socket is next to the directory, and only its owner can use it. V8's serialization preserves the types of the rows.

import { existsSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { deserialize, serialize } from 'node:v8';
import { codeOf, messageOf, requestOverSocket } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Database, Param, Sql } from './database.ts';

/** The part of a database that the commands use. */
export type CommandDatabase = Sql & Pick<Database, 'kind' | 'dump' | 'close'>;

/** Linux's limit on a Unix socket path. */
const MAX_PATH_BYTES = 107;
/** Dumping a large database takes minutes. */
const ANSWER_TIMEOUT_MS = 300_000;

const [QUERY, SCRIPT, DUMP] = ['/query', '/script', '/dump'];

export function socketPathOf(folder: string): string {
  return `${folder.replace(/\/+$/, '')}.sock`;
}

export class DatabaseSocket {
  readonly #path: string;
  readonly #server: Server;

  /** @param folder the data directory of `db`. This process must hold its lock. */
  constructor(db: Database, folder: string) {
    this.#path = socketPathOf(folder);
    this.#server = createServer((request, response) => {
      void resultOf(db, request).then(
        (bytes) => response.end(bytes),
        (error: unknown) => response.writeHead(422).end(messageOf(error)),
      );
    });
  }

  /** @throws Error if the socket can't be created. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_PATH_BYTES) throw new Error(`${this.#path} is longer than ${MAX_PATH_BYTES} bytes`);
    // This process holds the directory's lock, so an existing socket is left over from a cloud that was killed.
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

async function resultOf(db: Database, request: IncomingMessage): Promise<Buffer> {
  const body = await buffer(request);
  if (request.url === DUMP) return Buffer.from((await (await db.dump?.())?.arrayBuffer()) ?? new ArrayBuffer(0));
  const [text, params] = deserialize(body) as [string, readonly Param[]];
  if (request.url === QUERY) return serialize(await db.query(text, params));
  await db.script(text);
  return serialize(null);
}

/** @returns the database of the cloud that runs on this directory; null if none does. */
export async function databaseOverSocket(folder: string): Promise<CommandDatabase | null> {
  const socketPath = socketPathOf(folder);
  if (!existsSync(socketPath) || !(await isAnswered(socketPath))) return null;
  return {
    kind: 'pglite',
    query: async <Row>(text: string, params: readonly Param[] = []) =>
      deserialize(await request(socketPath, QUERY, serialize([text, params]))) as Row[],
    script: async (text) => void (await request(socketPath, SCRIPT, serialize([text, []]))),
    dump: async () => new Blob([new Uint8Array(await request(socketPath, DUMP))]),
    close: () => Promise.resolve(),
  };
}

/** @returns false if the socket is left over from a cloud that was killed. */
async function isAnswered(socketPath: string): Promise<boolean> {
  try {
    await request(socketPath, QUERY, serialize(['select 1', []]));
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return false;
    if (code === 'EACCES') throw new Refusal(`${socketPath}: permission denied; run this as the cloud's user`, { cause: error });
    throw error;
  }
}

async function request(socketPath: string, path: string, body: Uint8Array = new Uint8Array()): Promise<Buffer> {
  const sent = requestOverSocket({ socketPath, method: 'POST', path, body, timeoutMs: ANSWER_TIMEOUT_MS });
  const answer = await sent.catch((error: unknown) => {
    if (codeOf(error) !== 'ETIMEDOUT') throw error;
    throw new Refusal(`the cloud behind ${socketPath} does not respond; read its log and restart it`, { cause: error });
  });
  if (answer.status !== 200) throw new Error(answer.body.toString());
  return answer.body;
}
