// A damaged file is never deleted, never a reason not to start, and never replaced by an empty one without a word. It is opened
// again first, since SQLITE_CORRUPT can be a passing lie of the disk; if it is truly broken it is renamed aside, the rows that can
// be read are taken over under their own names, and the cloud is told what is lost.
import { existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, messageOf } from '../errors.ts';
import { type EventBody, type Ranges, rangesOf, subtract, union } from '../wire/index.ts';
import { ROW_CLASSES } from './rows.ts';
import { DamagedError, type Db, openDatabase } from './schema.ts';

export interface Opened {
  readonly db: Db;
  /** What the cloud has to be told about outboxes that are no more. */
  readonly closed: readonly EventBody[];
  /** For a person: what happened to the file; undefined where all is well. */
  readonly damage: string | undefined;
}

export const OUTBOX_FILE = 'outbox.db';

/**
 * @param expected the outbox ids the file has to know, as remembered outside it; empty before the first start.
 * @param successor the id that will be opened now.
 * @throws AgentError OUTBOX_NEWER, OUTBOX_UNWRITABLE; SQLite's error where the disk is at fault and not the file.
 */
export function openOutboxFile(stateDir: string, maxBytes: number, expected: readonly string[], successor: string): Opened {
  const file = join(stateDir, OUTBOX_FILE);
  const existed = existsSync(file) && statSync(file).size > 0;
  // What is left of a file that vanished must not be mixed with the new one.
  if (!existed && expected.length > 0) setAside(file);
  const first = attempt(file, maxBytes);
  const { db, error } = first.db ? first : attempt(file, maxBytes);
  if (db) {
    const unknown = unknownTo(db, expected);
    if (unknown.length === 0) return { db, closed: [], damage: undefined };
    const damage = existed ? `${file} does not know the outboxes ${unknown.join(', ')} that were open` : `${file} is gone, or empty`;
    return { db, closed: unknown.map((id) => closedEvent(id, null, [], successor)), damage };
  }
  const aside = setAside(file);
  const fresh = openDatabase(file, maxBytes);
  const closed = salvage(aside, fresh, expected, successor);
  return { db: fresh, closed, damage: `${file}: ${messageOf(error)}; it was set aside as ${aside}` };
}

function attempt(file: string, maxBytes: number): { db?: Db; error?: unknown } {
  try {
    return { db: openDatabase(file, maxBytes) };
  } catch (error) {
    if (isDamage(error, file)) return { error };
    throw error;
  }
}

function isDamage(error: unknown, file: string): boolean {
  if (error instanceof DamagedError) return true;
  const code = codeOf(error) ?? '';
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB') || code === 'SQLITE_ERROR') return true;
  return code.startsWith('SQLITE_CANTOPEN') && existsSync(file) && statSync(file).isDirectory();
}

/** With its WAL, so that what it held can still be read. @returns the new name. */
function setAside(file: string): string {
  let aside = '';
  for (let n = 1; aside === '' || existsSync(aside); n++) aside = `${file}.damaged-${n}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  }
  return aside;
}

/** Takes over every row that can be read, with its outbox's name and number. */
function salvage(aside: string, fresh: Db, expected: readonly string[], successor: string): EventBody[] {
  let damaged: Db | undefined;
  const closed: EventBody[] = [];
  try {
    damaged = new Database(aside, { fileMustExist: true });
    const source = damaged;
    closed.push(...fresh.transaction(() => outboxesOf(source).map((outbox) => takeOver(source, fresh, outbox, successor)))());
  } catch {
    // Not even its outboxes can be read: all of them are closed below, with what nobody knows.
  } finally {
    damaged?.close();
  }
  return [...closed, ...unknownTo(fresh, expected).map((id) => closedEvent(id, null, [], successor))];
}

function unknownTo(db: Db, ids: readonly string[]): string[] {
  const known = db.prepare('select 1 from outboxes where id = ?');
  return ids.filter((id) => known.get(id) === undefined);
}

interface DamagedOutbox {
  readonly ordinal: number;
  readonly id: string;
  readonly boot: number;
  readonly opened_at: number;
  readonly accepted: number;
  readonly covered: string;
  readonly gone: string;
}

function outboxesOf(damaged: Db): DamagedOutbox[] {
  return damaged
    .prepare('select ordinal, id, boot, opened_at, accepted, covered, gone from outboxes order by ordinal')
    .all() as DamagedOutbox[];
}

function takeOver(damaged: Db, fresh: Db, outbox: DamagedOutbox, successor: string): EventBody {
  const insert = fresh.prepare('insert into rows (class, outbox, seq, channel, body, at, mono, trusted) values (?, ?, ?, ?, ?, ?, ?, ?)');
  const read = damaged
    .prepare('select class, outbox, seq, channel, body, at, mono, trusted from rows where class = ? and outbox = ? and seq between ? and ?')
    .raw();
  const kept: number[] = [];
  for (const rowClass of ROW_CLASSES.keys()) {
    const rows = readable((first, last) => read.all(rowClass, outbox.ordinal, first, last) as unknown[][], 1, outbox.accepted);
    for (const row of rows) {
      insert.run(...row);
      kept.push(Number(row[2]));
    }
    fresh.prepare('update tally set rows = rows + ? where class = ?').run(rows.length, rowClass);
  }
  const covered = JSON.parse(outbox.covered) as Ranges;
  const gone = JSON.parse(outbox.gone) as Ranges;
  const all: Ranges = outbox.accepted > 0 ? [[1, outbox.accepted]] : [];
  const lost = subtract(all, union(union(covered, gone), rangesOf(kept)));
  fresh
    .prepare('insert into outboxes (ordinal, id, boot, opened_at, accepted, covered, gone) values (?, ?, ?, ?, ?, ?, ?)')
    .run(outbox.ordinal, outbox.id, outbox.boot, outbox.opened_at, outbox.accepted, outbox.covered, JSON.stringify(union(gone, lost)));
  return closedEvent(outbox.id, outbox.accepted, lost, successor);
}

/** Reads a range of rows; where a page in it is broken, reads its halves, down to single rows. */
function readable(read: (first: number, last: number) => unknown[][], first: number, last: number): unknown[][] {
  if (first > last) return [];
  try {
    return read(first, last);
  } catch {
    if (first === last) return [];
    const middle = Math.floor((first + last) / 2);
    return [...readable(read, first, middle), ...readable(read, middle + 1, last)];
  }
}

function closedEvent(old: string, lastSeq: number | null, lost: Ranges, successor: string): EventBody {
  return { kind: 'outbox_closed', old, last_seq: lastSeq, lost, successor };
}
