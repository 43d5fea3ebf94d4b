// Backs up the outbox database while it is in use. A backup holds all of the outbox's tables, plus a table of named texts such as the
// configuration and the lifetime. Backups leave the robot, so they must not contain keys.
import { existsSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { makeFolder, renameDurably } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { packBackup, type Sign } from './backupFile.ts';
import { type Db, PAGE_BYTES } from './schema.ts';

/** Pages to copy per turn of the event loop (256 KiB), so that a large backup does not block the loop. */
const PAGES_A_TURN = 64;
/** A backup is refused if it might leave less than this much of the disk free. */
const SPARE_BYTES = 32 * 1024 ** 2;
/** Ending of the files that the next backup or restoration removes. */
export const UNFINISHED = '.part';
/** Backups without a signature, which earlier versions made, end in `.db.gz`. */
const NAME = /^backup\.\d{8}T\d{6}Z\.(bak|db\.gz)$/;

/** The table of named texts, as the statement in the file. */
export const TEXTS = 'create table backup (name text primary key, text text not null) strict, without rowid';

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
  /** Public age keys for which the backup is sealed. If empty, it is not sealed. */
  readonly recipients: readonly string[];
  readonly sign: Sign;
  readonly signal: AbortSignal;
}

/**
 * Backs up the database. No partial file is left, even if that fails.
 * @returns the backup's file name. @throws AgentError BACKUP_NO_ROOM; an error from SQLite or the file system; the reason of `signal`.
 */
export async function makeBackup({ db, stateDir, about, nowMs, keep, ...packing }: NewBackup): Promise<string> {
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
  const name = `backup.${new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}.bak`;
  const copy = join(folder, `copy${UNFINISHED}`);
  const packed = join(folder, `${name}${UNFINISHED}`);
  try {
    await db.backup(copy, {
      progress: () => {
        packing.signal.throwIfAborted();
        return PAGES_A_TURN;
      },
    });
    addTexts(copy, about);
    await packBackup(copy, packed, packing);
    renameDurably(packed, join(folder, name));
  } finally {
    sweep(folder);
  }
  for (const old of backupsIn(folder).slice(0, -keep)) rmSync(join(folder, old), { force: true });
  return name;
}

/** Removes partial files, including those of a backup or restoration that was killed. */
export function sweep(folder: string): void {
  for (const name of readdirSync(folder)) if (name.includes(UNFINISHED)) rmSync(join(folder, name), { force: true });
}

function addTexts(copy: string, about: Readonly<Record<string, string>>): void {
  const db = new Database(copy);
  try {
    // Leave WAL mode, so that the copy has no -wal file beside it and can be compressed as a single file.
    db.pragma('journal_mode = DELETE');
    db.exec(TEXTS);
    const insert = db.prepare('insert into backup (name, text) values (?, ?)');
    for (const [name, text] of Object.entries(about)) insert.run(name, text);
  } finally {
    db.close();
  }
}
