// Replaces the outbox file with a backup. The backup may be anyone's: its signature is verified first, its size is limited, and its rows are
// copied one by one into a new file (foreign.ts). If the process is killed at any step, the next start has either the old or the new file.
import { renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, crashPoint, isNoSpace, makeFolder, messageOf, renameDurably, syncPath } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { backupsFolder, sweep, TEXTS, UNFINISHED } from './backup.ts';
import { type Content, readHead, unpackBackup } from './backupFile.ts';
import { removeDatabase, setAside } from './databaseFiles.ts';
import { copyForeign, openForeign } from './foreign.ts';
import { markIncomplete } from './journalGap.ts';
import { MENDED, OUTBOX_FILE, RESTORING } from './repair.ts';
import { unlessBroken } from './salvage.ts';
import { openDatabase } from './schema.ts';

export interface RestoreOptions {
  readonly file: string;
  readonly stateDir: string;
  /** Limit on the size of the unpacked database, in bytes. */
  readonly maxBytes: number;
  /** Private age keys. */
  readonly identities: readonly string[];
  /**
   * Decides whether to trust the backup.
   * @param signature undefined if the backup has none.
   * @returns the content that was signed; undefined if it is trusted without a signature. @throws if it is not trusted.
   */
  readonly verify: (signature: string | undefined) => Promise<Content | undefined>;
  /** Called when the new file is complete, before it replaces the old one. */
  readonly onReady?: (about: About) => void;
}

/** The texts that the backup contains besides the tables, by name. */
export type About = Readonly<Record<string, string>>;

interface Restored {
  /** The replaced file's new path; undefined if there was no file. */
  readonly aside: string | undefined;
  readonly about: About;
  /** How many of the backup's rows the cloud had not confirmed when the backup was made. */
  readonly rows: number;
}

/**
 * Replaces the outbox file with a backup and sets the old file aside. The caller must hold the state directory's lock.
 * @throws AgentError BACKUP_INVALID, BACKUP_SEALED, BACKUP_NO_ROOM or OUTBOX_NEWER, with the old file still in place; an error of `verify`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { file, stateDir, onReady = () => {} } = options;
  const folder = backupsFolder(stateDir);
  const unpacked = join(folder, `restored${UNFINISHED}`);
  const fresh = join(stateDir, RESTORING);
  makeFolder(folder, 0o700);
  try {
    removeDatabase(fresh);
    sweep(folder);
    await unpack(options, unpacked);
    crashPoint('restore_unpacked');
    const { about, rows } = copy(unpacked, fresh, options.maxBytes);
    crashPoint('restore_copied');
    onReady(about);
    return { aside: swap(fresh, stateDir), about, rows };
  } catch (error) {
    throw explained(error, file);
  } finally {
    removeDatabase(fresh);
    sweep(folder);
  }
}

async function unpack({ file, maxBytes, identities, verify }: RestoreOptions, unpacked: string): Promise<void> {
  const head = readHead(file);
  const signed = await verify(head.signature);
  if (head.isSealed && identities.length === 0) {
    throw new AgentError('BACKUP_SEALED', `${file} is sealed with age`, {
      remedy: 'give the file with the private key of a recipient: --identity FILE',
    });
  }
  await unpackBackup(file, unpacked, head, { maxBytes, identities, signed });
}

/** Copies the rows into a new file of the present version, closed and complete on disk. */
function copy(unpacked: string, fresh: string, maxBytes: number): Omit<Restored, 'aside'> {
  const foreign = openForeign(unpacked);
  let about: About;
  try {
    const copied = new Database(fresh);
    try {
      // The file counts only once it is complete, so nothing has to be durable before that.
      copied.pragma('synchronous = OFF');
      copyForeign(foreign, copied, TEXTS);
    } finally {
      copied.close();
    }
    about = textsOf(foreign);
  } finally {
    foreign.close();
  }
  // A full file must still be usable, so that the agent can evict rows from it.
  const db = openDatabase(fresh, Math.max(maxBytes, 2 * statSync(fresh).size), true);
  try {
    markIncomplete(db);
    const rows = Number(db.prepare('select count(*) from rows').pluck().get());
    db.pragma('wal_checkpoint(TRUNCATE)');
    return { about, rows };
  } finally {
    db.close();
  }
}

function textsOf(foreign: Database.Database): About {
  const found = unlessBroken(() => foreign.prepare('select name, text from backup').all() as { name: string; text: string }[]) ?? [];
  return Object.fromEntries(found.map(({ name, text }) => [name, text]));
}

/**
 * Puts the new file in the place of the old one. Once the new file has its name `.mended`, a start that finds no outbox file takes it
 * (repair.ts), so there is no moment without either. @returns the old file's new path; undefined if there was no file.
 */
function swap(fresh: string, stateDir: string): string | undefined {
  const target = join(stateDir, OUTBOX_FILE);
  const mended = join(stateDir, MENDED);
  removeDatabase(mended);
  renameDurably(fresh, mended);
  crashPoint('restore_ready');
  // Move the content of the WAL into the file, so that the file alone is complete. If a damaged file cannot be opened, its WAL is renamed
  // with it.
  unlessBroken(() => checkpoint(target));
  const aside = setAside(target, 'before-restore');
  syncPath(stateDir);
  crashPoint('restore_set_aside');
  renameSync(mended, target);
  syncPath(stateDir);
  crashPoint('restore_done');
  return aside;
}

function checkpoint(file: string): void {
  const db = new Database(file, { fileMustExist: true, timeout: 500 });
  try {
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
}

function explained(error: unknown, file: string): unknown {
  const code = codeOf(error);
  if (isNoSpace(error) || code === 'SQLITE_FULL') {
    return new AgentError('BACKUP_NO_ROOM', `the disk is full: ${file} could not be unpacked`, {
      remedy: 'free twice the size of the unpacked outbox on the disk of state_dir',
      cause: error,
    });
  }
  if (error instanceof AgentError && error.code !== 'OUTBOX_NEWER') return error;
  if (error instanceof AgentError)
    return new AgentError(error.code, `${file}: ${error.message}`, { remedy: error.remedy ?? '', cause: error });
  return new AgentError(
    'BACKUP_INVALID',
    `${file} is not a backup that can be restored: ${code === 'ENOENT' ? 'there is no such file' : messageOf(error)}`,
    {
      remedy: 'name a file of state_dir/backups, or join the slices of a backup from the bucket in the order of their manifest',
      cause: error,
    },
  );
}
