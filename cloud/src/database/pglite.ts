// Implements the database with PGlite: PostgreSQL 18 as WebAssembly in this process, with its data in a directory or in memory. It writes
// without fsync, so commits survive if the process is killed, but not a power cut. Only one process can open a directory.
import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { PGlite, type Transaction } from '@electric-sql/pglite';
import { Refusal } from '../errors/index.ts';
import { type Database, INT8, type Param, type Sql, safeInteger } from './database.ts';

/** @param folder a path, or `memory:` for a database that ends with the process. */
export async function pgliteDatabase(folder: string): Promise<Database> {
  const lock = folder === 'memory:' ? null : await lockFolder(folder);
  try {
    const db = await PGlite.create({
      dataDir: folder === 'memory:' ? 'memory://' : folder,
      parsers: { [INT8]: safeInteger },
    });
    return {
      kind: 'pglite',
      ...sqlOn(db),
      dump: () => db.dumpDataDir('gzip'),
      transaction: (work) => db.transaction((tx) => work(sqlOn(tx))),
      async listen(channel, onPayload) {
        const end = await db.listen(channel, onPayload);
        return async () => {
          if (!db.closed) await end();
        };
      },
      async close() {
        await db.close();
        lock?.close();
      },
    };
  } catch (error) {
    lock?.close();
    throw error;
  }
}

function sqlOn(client: PGlite | Transaction): Sql {
  return {
    async query<Row>(text: string, params: readonly Param[] = []): Promise<Row[]> {
      const { rows } = await client.query<Row>(text, [...params]);
      return rows;
    },
    async script(text) {
      await client.exec(text);
    },
  };
}

/**
 * Locks the directory: PGlite has no lock of its own, and two processes would destroy the data. The kernel frees an abstract socket with
 * its process.
 */
async function lockFolder(folder: string): Promise<Server> {
  mkdirSync(folder, { recursive: true });
  const name = createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const text = `${folder} is in use by another cloud; stop that cloud, or give this cloud its own CLOUD_DATA_DIR`;
      reject(error.code === 'EADDRINUSE' ? new Refusal(text, { cause: error }) : error);
    });
    server.listen(`\0elderly-bot-cloud-${name}`, resolve);
  });
  server.unref();
  return server;
}
