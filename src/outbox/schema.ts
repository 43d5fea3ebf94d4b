// The database file: its tables, its numbered migrations, and the settings without which a power cut costs rows.
import Database from 'better-sqlite3';
import { AgentError } from '../errors.ts';

export type Db = Database.Database;

/** Each entry brings the file from its index to the next version (`user_version`). Never changed once released. */
const MIGRATIONS: readonly string[] = [
  `
  -- One row for each opening of this file: a rolled-back or restored file never uses a name twice.
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
  -- What the broker acknowledged: every row of the class from first to last. ran_ms is the robot's running time then.
  create table publications (
    class integer not null,
    outbox integer not null,
    first integer not null,
    last integer not null,
    ran_ms integer not null,
    tries integer not null,
    primary key (class, outbox, first)
  ) strict, without rowid;
  -- Alerts the cloud has, kept a week for the person at the robot.
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
  -- Command ids that were taken: at most once, also across a crash.
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
  -- Spool files that wait for their upload (spool.ts of the uploads); told: the cloud has it and the event that says so is a row.
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
  -- Small facts of other modules (notes.ts).
  create table notes (name text primary key, text text not null) strict, without rowid;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** In every version so far; without what later ones added. */
const TABLES = ['outboxes', 'rows', 'publications', 'delivered_alerts', 'tally', 'commands'];

/** SQLite's own default; every file of ours has it, so that `max_page_count` is a number of bytes. */
export const PAGE_BYTES = 4096;

/**
 * Opens or creates the file. `synchronous=FULL` because NORMAL lost committed rows in a power cut (docs/lab/faults.md);
 * better-sqlite3 opens WAL files with NORMAL, so it is set and read back.
 * @param thoroughly every page is looked at, however big the file.
 * @throws AgentError OUTBOX_NEWER for a file of a later version; SQLite's own errors for a damaged one.
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
    // Limits the WAL left behind after a checkpoint; SQLite never shrinks it by itself.
    const walBytes = Math.min(WAL_BYTES, Math.floor(maxBytes / 8));
    db.pragma(`journal_size_limit = ${walBytes}`);
    db.pragma(`max_page_count = ${Math.floor((maxBytes - walBytes) / PAGE_BYTES)}`);
    check(db, thoroughly);
    // Before the first write, so that it goes over blocks the WAL has: a start must work on a full disk.
    db.pragma('wal_checkpoint(PASSIVE)');
    migrate(db, file);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Of the file's bound, what is the WAL's: SQLite checkpoints it at 4 MB, and it grows beyond while somebody reads for long. */
const WAL_BYTES = 16 * 1024 ** 2;

/** The file opens, and is not an outbox, or not a whole one. */
export class DamagedError extends Error {}

/** Above this the check of every page is left to a thread beside the running agent (inspect.ts): it takes 1.5 ms a megabyte. */
const CHECK_UP_TO_BYTES = 4 * 1024 ** 2;

/** Looks at every page. @returns what is wrong, in SQLite's words; undefined where nothing is. @throws SQLite's own error. */
export function quickCheck(db: Db): string | undefined {
  const found = db.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') return String(found);
  if (Number(db.pragma('user_version', { simple: true })) === 0) return undefined;
  // Pages of two different commits, each whole: what a garbled WAL makes of a file that was checkpointed before.
  const mixed = db.prepare(MIXED).pluck().get();
  return mixed === undefined ? undefined : `its tables are of different times: ${mixed}`;
}

const MIXED = `
select 'the tally of class ' || t.class from tally t where t.rows <> (select count(*) from rows r where r.class = t.class)
union all select 'row ' || r.seq || ' of ' || o.id from rows r join outboxes o on o.ordinal = r.outbox where r.seq > o.accepted
limit 1`;

/** @throws DamagedError, or SQLite's own error. */
function check(db: Db, thoroughly: boolean): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  const tables = new Set(db.prepare(`select name from sqlite_schema where type = 'table'`).pluck().all());
  if (version === 0 && tables.size > 0) throw new DamagedError('it is another program’s database');
  const missing = version > 0 ? TABLES.filter((name) => !tables.has(name)) : [];
  if (missing.length > 0) throw new DamagedError(`it has no table ${missing.join(', ')}`);
  if (!thoroughly && Number(db.pragma('page_count', { simple: true })) * PAGE_BYTES > CHECK_UP_TO_BYTES) return;
  const found = quickCheck(db);
  if (found !== undefined) throw new DamagedError(found);
}

function migrate(db: Db, file: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > SCHEMA_VERSION) {
    throw new AgentError(
      'OUTBOX_NEWER',
      `${file} was written by a newer elderly-bot (version ${version}, this one knows ${SCHEMA_VERSION})`,
      {
        remedy: 'install that version again, or move the file away to start with an empty outbox',
      },
    );
  }
  for (let next = version; next < SCHEMA_VERSION; next++) {
    db.transaction(() => {
      db.exec(MIGRATIONS[next] ?? '');
      db.pragma(`user_version = ${next + 1}`);
    }).immediate();
  }
}
