// Backs up the outbox database while it is in use, and restores backups. A backup is a single gzipped SQLite file that holds all of the
// outbox's tables, plus a table of named texts such as the configuration and the lifetime. Backups leave the robot, so they must not
// contain keys.
import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import Database from 'better-sqlite3';
import { makeFolder, messageOf, renameDurably, syncPath } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { OUTBOX_FILE } from './repair.ts';
import { unlessBroken } from './salvage.ts';
import { type Db, openDatabase, PAGE_BYTES } from './schema.ts';

/** Pages to copy per turn of the event loop (256 KiB), so that a large backup does not block the loop. */
const PAGES_A_TURN = 64;
/** A backup is refused if it might leave less than this much of the disk free. */
const SPARE_BYTES = 32 * 1024 ** 2;
const UNFINISHED = '.part';
const NAME = /^backup\.\d{8}T\d{6}Z\.db\.gz$/;

export function backupsFolder(stateDir: string): string {
  return join(stateDir, 'backups');
}

/** Returns the file names of the complete backups, oldest first. */
export function backupsIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => NAME.test(name))
        .sort()
    : [];
}

interface NewBackup {
  readonly db: Db;
  readonly stateDir: string;
  /** Texts to store alongside the tables, keyed by name. */
  readonly about: Readonly<Record<string, string>>;
  readonly nowMs: number;
  /** How many backups to keep, including this one. Older ones are deleted once it is complete. */
  readonly keep: number;
  readonly signal: AbortSignal;
}

/**
 * Backs up the database. No partial file is left, even if that fails.
 * @returns the backup's file name. @throws AgentError BACKUP_NO_ROOM; an error from SQLite or the file system; the reason of `signal`.
 */
export async function makeBackup({ db, stateDir, about, nowMs, keep, signal }: NewBackup): Promise<string> {
  const folder = backupsFolder(stateDir);
  makeFolder(folder, 0o700);
  sweep(folder);
  const bytes = Number(db.pragma('page_count', { simple: true })) * PAGE_BYTES;
  const { bavail, bsize } = statfsSync(folder);
  // Twice the size, because the uncompressed copy and the gzipped file exist at the same time, and gzip may not shrink the data at all.
  const needed = bytes * 2 + SPARE_BYTES;
  if (bavail * bsize < needed)
    throw new AgentError('BACKUP_NO_ROOM', `a backup needs ${needed} free bytes, but the disk of ${stateDir} has only ${bavail * bsize}`, {
      remedy: 'free space on that disk',
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
    addTexts(copy, about);
    await pipeline(createReadStream(copy), createGzip(), createWriteStream(packed, { mode: 0o600 }), { signal });
    renameDurably(packed, join(folder, name));
  } finally {
    sweep(folder);
  }
  for (const old of backupsIn(folder).slice(0, -keep)) rmSync(join(folder, old), { force: true });
  return name;
}

/** Removes partial files, including those of a backup that was killed. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) if (name.includes(UNFINISHED)) rmSync(join(folder, name), { force: true });
}

function addTexts(copy: string, about: Readonly<Record<string, string>>): void {
  const db = new Database(copy);
  try {
    // Leave WAL mode, so that the copy has no -wal file beside it and can be compressed as a single file.
    db.pragma('journal_mode = DELETE');
    db.exec('create table backup (name text primary key, text text not null) strict, without rowid');
    const insert = db.prepare('insert into backup (name, text) values (?, ?)');
    for (const [name, text] of Object.entries(about)) insert.run(name, text);
  } finally {
    db.close();
  }
}

interface Restored {
  /** The replaced file's new path; undefined if there was no file. */
  readonly aside: string | undefined;
  readonly about: Readonly<Record<string, string>>;
  /** How many of the backup's rows the cloud had not confirmed when the backup was made. */
  readonly rows: number;
}

/**
 * Replaces the outbox file with a backup and sets the old file aside. The caller must hold the state directory's lock.
 * @throws AgentError BACKUP_INVALID or OUTBOX_NEWER, with the old file still in place; an error from the file system.
 */
export async function restoreBackup(file: string, stateDir: string, maxBytes: number): Promise<Restored> {
  const target = join(stateDir, OUTBOX_FILE);
  const fresh = `${target}.restoring`;
  const clear = () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${fresh}${suffix}`, { force: true });
  };
  clear();
  try {
    await pipeline(createReadStream(file), createGunzip(), createWriteStream(fresh, { mode: 0o600 })).catch((error: unknown) => {
      throw invalid(file, error);
    });
    const { about, rows } = extractTexts(fresh, file, maxBytes);
    syncPath(fresh);
    const aside = setAside(target);
    renameDurably(fresh, target);
    return { aside, about, rows };
  } finally {
    clear();
  }
}

/** Checks the unpacked file, reads its table of texts and drops it, because an outbox file must not have such a table. */
function extractTexts(fresh: string, file: string, maxBytes: number): Omit<Restored, 'aside'> {
  let db: Db;
  try {
    db = openDatabase(fresh, Math.max(maxBytes, 2 * statSync(fresh).size), true);
  } catch (error) {
    throw error instanceof AgentError ? error : invalid(file, error);
  }
  try {
    const found = unlessBroken(() => db.prepare('select name, text from backup').all() as { name: string; text: string }[]) ?? [];
    db.exec('drop table if exists backup');
    const rows = Number(db.prepare('select count(*) from rows').pluck().get());
    db.pragma('wal_checkpoint(TRUNCATE)');
    return { about: Object.fromEntries(found.map(({ name, text }) => [name, text])), rows };
  } finally {
    db.close();
  }
}

function invalid(file: string, cause: unknown): AgentError {
  return new AgentError('BACKUP_INVALID', `${file} is not a backup that can be restored: ${messageOf(cause)}`, {
    remedy: 'name a file of state_dir/backups, or join the slices of a backup from the bucket in the order of their manifest',
    cause,
  });
}

/** Renames the file out of the way. @returns its new path; undefined if there was no file. */
function setAside(file: string): string | undefined {
  const parts = ['', '-wal', '-shm'].filter((suffix) => existsSync(`${file}${suffix}`));
  if (parts.length === 0) return undefined;
  // The last connection to close checkpoints the WAL, so that the file alone is complete. If a damaged file cannot be opened, its WAL is
  // renamed with it.
  unlessBroken(() => new Database(file, { fileMustExist: true, timeout: 500 }).close());
  let aside = '';
  for (let n = 1; aside === '' || existsSync(aside); n++) aside = `${file}.before-restore-${n}`;
  for (const suffix of parts) if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  return aside;
}
