// The way to a database in the process for the commands beside a running cloud: its folder can be opened once only, so who has it does
// their statements for them, on a socket beside the folder that its owner alone can use. Rows keep their types (v8's own format).

import { existsSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { deserialize, serialize } from 'node:v8';
import { messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Database, Param, Sql } from './database.ts';

/** What the commands need of a database. */
export type BesideDatabase = Sql & Pick<Database, 'kind' | 'dump' | 'close'>;

/** Linux allows 107 bytes in a socket's path. */
const MAX_PATH_BYTES = 107;

/** A copy of a large folder takes a while; a cloud that hangs is said in the end. */
const ANSWERS_WITHIN_MS = 300_000;

const [QUERY, SCRIPT, DUMP] = ['/query', '/script', '/dump'];

export function besidePath(folder: string): string {
  return `${folder.replace(/\/+$/, '')}.sock`;
}

export class BesideSocket {
  readonly #path: string;
  readonly #server: Server;

  /** @param folder that of the database, which nobody else has. */
  constructor(db: Database, folder: string) {
    this.#path = besidePath(folder);
    this.#server = createServer((asked, answer) => {
      void answered(db, asked).then(
        (bytes) => answer.end(bytes),
        (error: unknown) => answer.writeHead(422).end(messageOf(error)),
      );
    });
  }

  /** @throws Error where the socket can't be made; the cloud goes on without it. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_PATH_BYTES) throw new Error(`${this.#path} is longer than ${MAX_PATH_BYTES} bytes`);
    // The folder is ours, so a socket that is there already was left by a cloud that was killed.
    rmSync(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      // Bound before listen() returns: nobody else can connect, not even for a moment.
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

/** The database of the cloud that runs on this folder; null where none does. */
export async function besideDatabase(folder: string): Promise<BesideDatabase | null> {
  const path = besidePath(folder);
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

/** False where its cloud was killed, and left it. */
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
