// Implements the database with PGlite: PostgreSQL 18 as WebAssembly in this process, with its data in a directory or in memory. It writes
// without fsync, so commits survive if the process is killed, but not a power cut. Only one process can open a directory.
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite, type Transaction } from '@electric-sql/pglite';
import { keepFilesPrivate, makeFolder, messageOf } from '../../../src/base/index.ts';
import { Refusal } from '../errors/index.ts';
import { type Database, INT8, type Param, type Sql, safeInteger } from './database.ts';

/** @param folder a path, or `memory:` for a database that ends with the process. */
export async function pgliteDatabase(folder: string): Promise<Database> {
  const lock = folder === 'memory:' ? null : lockFolder(folder);
  const unlock = (): void => {
    if (lock !== null) closeSync(lock);
  };
  try {
    if (lock !== null) {
      keepFilesPrivate();
      closeToOthers(folder);
    }
    const db = await PGlite.create({
      dataDir: folder === 'memory:' ? 'memory://' : folder,
      parsers: { [INT8]: safeInteger },
    });
    if (lock !== null) closeToOthers(folder);
    return {
      kind: 'pglite',
      ...sqlOn(db),
      prepared: sqlOn(db).query,
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
        unlock();
      },
    };
  } catch (error) {
    unlock();
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
 * Locks the directory, which PGlite does not: two processes would destroy the data. The lock is one of the file system, so it also holds
 * between containers, and the kernel removes it with its process. flock(1) takes it on the open directory that it inherits.
 * @returns the open directory, which holds the lock.
 */
function lockFolder(folder: string): number {
  makeFolder(folder, 0o700);
  const held = openSync(folder, 'r');
  const { status, error } = spawnSync('flock', ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', held] });
  if (status === 0) return held;
  closeSync(held);
  if (status === 1) throw new Refusal(`${folder} is in use by another cloud; stop that cloud, or give this cloud its own CLOUD_DATA_DIR`);
  throw new Refusal(
    `${folder} can't be locked: ${error ? messageOf(error) : `flock ended with ${status}`}; set DATABASE_URL, or install flock`,
  );
}

/** PGlite creates files that everyone can read, whatever the umask. */
function closeToOthers(folder: string): void {
  chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  }
}
