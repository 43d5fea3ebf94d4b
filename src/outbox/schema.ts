// Opens the database file, creates or migrates its tables, and applies the settings that make commits survive a power cut.
import Database from 'better-sqlite3';
import { AgentError } from '../errors.ts';

export type Db = Database.Database;

/** The entry at index N migrates a file from `user_version` N to N + 1. Entries must not be changed once released. */
const MIGRATIONS: readonly string[] = [
  `
  -- One row for each opening of this file, so that a restored file never uses a row's name twice.
  create table outboxes (
    ordinal integer primary key,
    id text not null unique,
    boot integer not null,
    opened_at integer not null,
    accepted integer not null default 0,
    covered text not null default '[]',
    gone text not null default '[]'
  ) strict;
  create table rows (
    class integer not null,
    outbox integer not null,
    seq integer not null,
    channel text not null,
    body text not null,
    at integer not null,
    mono integer not null,
    trusted integer not null,
    primary key (class, outbox, seq)
  ) strict, without rowid;
  -- The broker acknowledged every row of the class from first to last. ran_ms is the robot's running time at that moment.
  create table publications (
    class integer not null,
    outbox integer not null,
    first integer not null,
    last integer not null,
    ran_ms integer not null,
    tries integer not null,
    primary key (class, outbox, first)
  ) strict, without rowid;
  -- Alerts that a receipt covered, kept for a week for a person at the robot.
  create table delivered_alerts (
    outbox integer not null,
    seq integer not null,
    channel text not null,
    body text not null,
    at integer not null,
    ran_ms integer not null,
    primary key (outbox, seq)
  ) strict, without rowid;
  create table tally (class integer primary key, rows integer not null) strict;
  insert into tally values (0, 0), (1, 0), (2, 0), (3, 0);
  -- Accepted command ids. Each command runs at most once, also across a crash.
  create table commands (
    id text primary key,
    command text not null,
    state text not null,
    started_at integer not null,
    ran_ms integer not null,
    result text
  ) strict, without rowid;
  create index commands_by_age on commands (ran_ms);
  `,
  `
  -- Spool files that wait for their upload (src/uploads/spool.ts). told: the event that reports the complete upload is committed.
  create table uploads (
    file text primary key,
    kind text not null,
    size integer not null,
    sha256 text not null,
    taken_at integer not null,
    incident text,
    ran_ms integer not null,
    told integer not null default 0
  ) strict, without rowid;
  `,
  `
  -- Small texts of other modules (tables.ts).
  create table notes (name text primary key, text text not null) strict, without rowid;
  `,
  `
  -- The latest outcomes of commands without an id (commandLog.ts). times: how many equal outcomes in a row share the entry.
  create table commands_without_id (
    n integer primary key,
    command text,
    status text not null,
    reason text,
    detail text,
    times integer not null,
    first_at integer not null,
    at integer not null,
    ran_ms integer not null
  ) strict;
  `,
  `
  -- The running time until which the command could be admitted again (journalBounds.ts). Null in entries of earlier versions.
  alter table commands add column repeatable_until integer;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The tables that exist in every version. */
const TABLES = ['outboxes', 'rows', 'publications', 'delivered_alerts', 'tally', 'commands'];

/** SQLite's default page size, which every outbox file uses. It converts limits in bytes to `max_page_count`. */
export const PAGE_BYTES = 4096;

/**
 * Opens or creates the file. Sets `synchronous=FULL`, because NORMAL loses committed rows in a power cut (docs/lab/faults.md), and reads it
 * back, because better-sqlite3 opens WAL files with NORMAL.
 * @param thoroughly whether to check every page even if the file is large.
 * @throws AgentError OUTBOX_NEWER, OUTBOX_UNWRITABLE; DamagedError or SQLite's error for a damaged file.
 */
export function openDatabase(file: string, maxBytes: number, thoroughly = false): Db {
  const db = new Database(file, { timeout: 500 });
  try {
    const mode = db.pragma('journal_mode = WAL', { simple: true });
    db.pragma('synchronous = FULL');
    const synchronous = db.pragma('synchronous', { simple: true });
    if (mode !== 'wal' || synchronous !== 2) {
      throw new AgentError('OUTBOX_UNWRITABLE', `${file}: journal_mode is ${mode}, synchronous ${synchronous}, not wal and 2`, {
        remedy: 'put state_dir on a local file system that supports shared memory',
      });
    }
    db.pragma('foreign_keys = ON');
    // By default SQLite never shrinks the WAL. With this, it truncates the WAL to this size when it is reset after a checkpoint.
    const walBytes = Math.min(WAL_BYTES, Math.floor(maxBytes / 8));
    db.pragma(`journal_size_limit = ${walBytes}`);
    db.pragma(`max_page_count = ${Math.floor((maxBytes - walBytes) / PAGE_BYTES)}`);
    check(db, thoroughly);
    // After a checkpoint, SQLite overwrites the WAL from its beginning, which needs no new blocks. Startup thus works on a full disk.
    db.pragma('wal_checkpoint(PASSIVE)');
    migrate(db, file);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The part of the size limit set aside for the WAL. SQLite checkpoints it at about 4 MB, but it grows while a read transaction is open. */
const WAL_BYTES = 16 * 1024 ** 2;

/** The file can be opened but is not an intact outbox. */
export class DamagedError extends Error {}

/** Larger files are not checked at startup but by a worker thread later (inspect.ts), because the check takes 1.5 ms per megabyte. */
const CHECK_UP_TO_BYTES = 4 * 1024 ** 2;

/** Checks every page. @returns a description of the damage; undefined if the file is intact. @throws SQLite's error */
export function quickCheck(db: Db): string | undefined {
  const found = db.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') return String(found).replace('*** in database main ***\n', '');
  if (versionOf(db) === 0) return undefined;
  // If the WAL is garbled after part of it was checkpointed, the file may mix pages of two commits. Each page is intact, so quick_check
  // does not notice.
  const mixed = db.prepare(MIXED).pluck().get();
  return mixed === undefined ? undefined : `its tables come from different commits: ${mixed}`;
}

const MIXED = `
select 'the tally of class ' || t.class from tally t where t.rows <> (select count(*) from rows r where r.class = t.class)
union all select 'row ' || r.seq || ' of ' || o.id from rows r join outboxes o on o.ordinal = r.outbox where r.seq > o.accepted
limit 1`;

/** @throws DamagedError, or SQLite's error. */
function check(db: Db, thoroughly: boolean): void {
  const version = versionOf(db);
  const tables = new Set(db.prepare(`select name from sqlite_schema where type = 'table'`).pluck().all());
  if (version === 0 && tables.size > 0) throw new DamagedError('it is the database of another program');
  const missing = version > 0 ? TABLES.filter((name) => !tables.has(name)) : [];
  if (missing.length > 0) throw new DamagedError(`it has no table ${missing.join(', ')}`);
  // A trigger could delete rows at each commit. A repair copies only the rows of the known tables (salvage.ts).
  const active = db.prepare(`select type || ' ' || name from sqlite_schema where type in ('trigger', 'view') limit 1`).pluck().get();
  if (active !== undefined && version <= SCHEMA_VERSION) throw new DamagedError(`it has the ${active}, which no elderly-bot creates`);
  if (!thoroughly && Number(db.pragma('page_count', { simple: true })) * PAGE_BYTES > CHECK_UP_TO_BYTES) return;
  const found = quickCheck(db);
  if (found !== undefined) throw new DamagedError(found);
}

function migrate(db: Db, file: string): void {
  const version = versionOf(db);
  if (version > SCHEMA_VERSION) {
    const text = `${file} was written by a newer elderly-bot (version ${version}; this program supports version ${SCHEMA_VERSION})`;
    throw new AgentError('OUTBOX_NEWER', text, {
      remedy: 'install the newer program again, or move the file away to start with an empty outbox',
    });
  }
  createTables(db, SCHEMA_VERSION);
}

/** Migrates the tables up to a version, from the version that the file has. An empty file has version 0. */
export function createTables(db: Db, version: number): void {
  for (let next = versionOf(db); next < version; next++) {
    db.transaction(() => {
      db.exec(MIGRATIONS[next] ?? '');
      db.pragma(`user_version = ${next + 1}`);
    }).immediate();
  }
}

export function versionOf(db: Db): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** A column of a table, as declared. `pk` is its position in the primary key, from 1; 0 if it is not in the key. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly pk: number;
}

export function columnsOf(db: Db, table: string): Column[] {
  return db.prepare('select name, type, pk from pragma_table_info(?)').all(table) as Column[];
}

/** Returns the columns of `to` that `from` has too: a file of an earlier version lacks the newest. @throws SQLite's error */
export function commonColumns(from: Db, to: Db, table: string): Column[] {
  const there = columnsOf(from, table).map(({ name }) => name);
  return columnsOf(to, table).filter(({ name }) => there.includes(name));
}

/** @returns a statement that takes the values by the names of the columns. @throws SQLite's error */
export function insertion(
  db: Db,
  verb: 'insert' | 'insert or ignore' | 'insert or replace',
  table: string,
  columns: readonly string[],
): Database.Statement {
  return db.prepare(`${verb} into ${table} (${columns.join(', ')}) values (${columns.map((name) => `@${name}`).join(', ')})`);
}

export function tablesOf(db: Db): string[] {
  return db.prepare(`select name from sqlite_schema where type = 'table' order by name`).pluck().all() as string[];
}
