// A copy of the outbox's file while it is in use, and the way back. A backup is one compressed SQLite file: rows, command journal, what
// waits for its upload and what other modules keep, and in a table of its own what belongs to it (configuration, lifetime), without keys.
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import Database from 'better-sqlite3';
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { OUTBOX_FILE } from './repair.ts';
import { type Db, openDatabase, PAGE_BYTES } from './schema.ts';

/** Copied in one turn of the event loop: a quarter of a megabyte. */
const PAGES_A_TURN = 64;
/** Bytes that stay free on the disk beside a backup. */
const SPARE_BYTES = 32 * 1024 ** 2;
const UNFINISHED = '.part';
const NAME = /^backup\.\d{8}T\d{6}Z\.db\.gz$/;

export function backupsFolder(stateDir: string): string {
  return join(stateDir, 'backups');
}

/** Names of whole backups, oldest first. */
export function backupsIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => NAME.test(name))
        .sort()
    : [];
}

export interface NewBackup {
  readonly db: Db;
  readonly stateDir: string;
  /** Texts to store in the backup, by name. */
  readonly about: Readonly<Record<string, string>>;
  readonly nowMs: number;
  /** Older ones beyond so many go once this one is whole. */
  readonly keep: number;
  readonly signal: AbortSignal;
}

/** @returns its name. @throws AgentError BACKUP_NO_ROOM; SQLite's or the disk's error. Nothing of a failed one is left. */
export async function makeBackup({ db, stateDir, about, nowMs, keep, signal }: NewBackup): Promise<string> {
  const folder = backupsFolder(stateDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  sweep(folder);
  const bytes = Number(db.pragma('page_count', { simple: true })) * PAGE_BYTES;
  const { bavail, bsize } = statfsSync(folder);
  // The copy, and its compressed form at its worst.
  const needed = bytes * 2 + SPARE_BYTES;
  if (bavail * bsize < needed)
    throw new AgentError('BACKUP_NO_ROOM', `a backup needs ${needed} bytes for a moment, the disk of ${stateDir} has ${bavail * bsize}`, {
      remedy: 'free space there',
    });
  const name = `backup.${new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}.db.gz`;
  const copy = join(folder, `copy${UNFINISHED}`);
  const packed = join(folder, `${name}${UNFINISHED}`);
  try {
    await db.backup(copy, {
      progress: () => {
        signal.throwIfAborted();
        return PAGES_A_TURN;
      },
    });
    describe(copy, about);
    await pipeline(createReadStream(copy), createGzip(), createWriteStream(packed, { mode: 0o600 }), { signal });
    sync(packed);
    renameSync(packed, join(folder, name));
    sync(folder);
  } finally {
    sweep(folder);
  }
  for (const old of backupsIn(folder).slice(0, -keep)) rmSync(join(folder, old), { force: true });
  return name;
}

/** Removes the unfinished files of a killed backup. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) if (name.includes(UNFINISHED)) rmSync(join(folder, name), { force: true });
}

function describe(copy: string, about: Readonly<Record<string, string>>): void {
  const db = new Database(copy);
  try {
    // One file, with no WAL beside it.
    db.pragma('journal_mode = DELETE');
    db.exec('create table backup (name text primary key, text text not null) strict, without rowid');
    const insert = db.prepare('insert into backup (name, text) values (?, ?)');
    for (const [name, text] of Object.entries(about)) insert.run(name, text);
  } finally {
    db.close();
  }
}

export interface Restored {
  /** New path of the replaced file; undefined if there was no file. */
  readonly aside: string | undefined;
  readonly about: Readonly<Record<string, string>>;
  /** Rows in it that the cloud has not confirmed, as far as it knew. */
  readonly rows: number;
}

/**
 * Puts a backup in the place of the outbox's file, which is set aside. The state directory has to be locked by the caller.
 * @throws AgentError BACKUP_INVALID, OUTBOX_NEWER, or the disk's error: then nothing was changed.
 */
export async function restoreBackup(file: string, stateDir: string, maxBytes: number): Promise<Restored> {
  const place = join(stateDir, OUTBOX_FILE);
  const fresh = `${place}.restoring`;
  const clear = () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${fresh}${suffix}`, { force: true });
  };
  clear();
  try {
    await pipeline(createReadStream(file), createGunzip(), createWriteStream(fresh, { mode: 0o600 })).catch(invalid(file));
    const { about, rows } = look(fresh, file, maxBytes);
    sync(fresh);
    const aside = setAside(place);
    renameSync(fresh, place);
    sync(stateDir);
    return { aside, about, rows };
  } finally {
    clear();
  }
}

function look(fresh: string, file: string, maxBytes: number): Omit<Restored, 'aside'> {
  let db: Db;
  try {
    db = openDatabase(fresh, Math.max(maxBytes, 2 * statSync(fresh).size), true);
  } catch (error) {
    return error instanceof AgentError ? rethrow(error) : invalid(file)(error);
  }
  try {
    const found = reading(() => db.prepare('select name, text from backup').all() as { name: string; text: string }[]) ?? [];
    db.exec('drop table if exists backup');
    const rows = Number(db.prepare('select count(*) from rows').pluck().get());
    db.pragma('wal_checkpoint(TRUNCATE)');
    return { about: Object.fromEntries(found.map(({ name, text }) => [name, text])), rows };
  } finally {
    db.close();
  }
}

function rethrow(error: unknown): never {
  throw error;
}

function reading<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function invalid(file: string): (error: unknown) => never {
  return (error) => {
    throw new AgentError('BACKUP_INVALID', `${file} is no backup that can be restored: ${messageOf(error)}`, {
      remedy: 'give a file of state_dir/backups, or the slices of one from the bucket, joined in the order of their manifest',
      cause: error,
    });
  };
}

/** @returns the new name. */
function setAside(place: string): string | undefined {
  const parts = ['', '-wal', '-shm'].filter((suffix) => existsSync(`${place}${suffix}`));
  if (parts.length === 0) return undefined;
  // Its WAL goes into it, so that it is whole by itself; a damaged one is moved as it is.
  reading(() => new Database(place, { fileMustExist: true, timeout: 500 }).close());
  let aside = '';
  for (let n = 1; aside === '' || existsSync(aside); n++) aside = `${place}.before-restore-${n}`;
  for (const suffix of parts) if (existsSync(`${place}${suffix}`)) renameSync(`${place}${suffix}`, `${aside}${suffix}`);
  return aside;
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
