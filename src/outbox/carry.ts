// Carries the content of one outbox file into another: outboxes and rows under their own names, delivered alerts and the command journal. The
// agent does so when it moves from its state directory to the stand-in and back. The cloud drops a row that it gets from both, by its name.
import { copyFileSync, existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { count, type EventBody, type Ranges, rangesOf, subtract, union } from '../wire/index.ts';
import { removeDatabase } from './databaseFiles.ts';
import { type OutboxRecord, readOutboxes } from './records.ts';
import { ROW_CLASSES } from './rows.ts';
import { closedEvent, readable, unlessBroken } from './salvage.ts';
import { commonColumns, type Db, insertion, openDatabase } from './schema.ts';
import { sizeOf } from './space.ts';
import { Store } from './store.ts';

export interface Carried {
  /** The file to carry from. */
  readonly file: string;
  /** Whether that file is given up afterwards: rows that cannot be carried are then lost, and must be declared. */
  readonly ends: boolean;
  /** Limit on the size of the carried rows, in bytes. The least valuable are left out. */
  readonly maxBytes: number;
}

/** A file that SQLite cannot read in place is copied first. Larger files would need too much memory. */
const COPIED_UP_TO_BYTES = 64 * 1024 ** 2;

/** Rows per read. */
const CHUNK = 1_000;

/** How many of the latest delivered alerts are carried, so that an alert that is still raised stays known. */
const DELIVERED = 2_000;

/** The bytes of a row beside its text: keys, times and SQLite's own. */
const ROW_BYTES = 40;

/**
 * Carries what can be read and fits. Never throws because the source is missing, damaged or unreadable.
 * @returns events that declare lost rows to the cloud. @throws SQLite's error if `to` cannot be written.
 */
export function carry(to: Db, { file, ends, maxBytes }: Carried, successor: string): EventBody[] {
  if (!existsSync(file)) return [];
  const source = openSource(file, `${to.name}.carried`);
  if (source === undefined) return [];
  try {
    return to.transaction(() => carryAll(source.db, to, { ends, maxBytes }, successor)).immediate();
  } finally {
    source.close();
  }
}

/** Copies an open outbox, whose file may have been deleted, to a file that {@link carry} can read. @throws SQLite's error */
export function rescueOutbox(from: Db, file: string, maxBytes: number): void {
  const to = openDatabase(file, maxBytes);
  try {
    to.transaction(() => carryAll(from, to, { ends: false, maxBytes: maxBytes / 2 }, '')).immediate();
  } finally {
    to.close();
  }
}

/**
 * On a file system that is read-only, SQLite cannot open a file in WAL mode without its -shm file, so open a copy in that case.
 * @param copy the path of that copy.
 */
function openSource(file: string, copy: string): { readonly db: Db; close(): void } | undefined {
  const inPlace = unlessBroken(() => opened(file, true));
  if (inPlace) return { db: inPlace, close: () => inPlace.close() };
  if (sizeOf(file) + sizeOf(`${file}-wal`) > COPIED_UP_TO_BYTES) return undefined;
  removeDatabase(copy);
  const db = unlessBroken(() => {
    for (const suffix of ['', '-wal']) if (existsSync(`${file}${suffix}`)) copyFileSync(`${file}${suffix}`, `${copy}${suffix}`);
    return opened(copy, false);
  });
  if (db === undefined) removeDatabase(copy);
  return (
    db && {
      db,
      close: () => {
        db.close();
        removeDatabase(copy);
      },
    }
  );
}

function opened(file: string, readonly: boolean): Db {
  const db = new Database(file, { readonly, fileMustExist: true, timeout: 500 });
  try {
    db.prepare('select 1 from outboxes').get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function carryAll(from: Db, to: Db, { ends, maxBytes }: Pick<Carried, 'ends' | 'maxBytes'>, successor: string): EventBody[] {
  const pairs = (unlessBroken(() => readOutboxes(from)) ?? []).map((source) => pairFor(from, to, source));
  let left = maxBytes;
  for (const [rowClass] of ROW_CLASSES.entries()) {
    for (const { source, target } of pairs) left = carryRows(from, to, rowClass, source, target, left);
  }
  carryPublications(from, to, pairs, ends);
  carryDelivered(from, to, new Map(pairs.map(({ source, target }) => [source.ordinal, target.ordinal])));
  carryCommands(from, to, ends);
  if (!ends) return [];
  return pairs.filter(({ isLonger }) => isLonger).flatMap(({ target }) => declareMissing(to, target, successor));
}

/** The records of one outbox in both files. */
interface Pair {
  readonly source: OutboxRecord;
  readonly target: OutboxRecord;
  readonly isNew: boolean;
  /** Whether the source has rows that the target has never held. */
  readonly isLonger: boolean;
}

/** Finds or adds the record of an outbox, and takes over what receipts have covered. */
function pairFor(from: Db, to: Db, source: OutboxRecord): Pair {
  const store = new Store(to);
  const known = readOutboxes(to).find(({ id }) => id === source.id);
  if (known) {
    const covered = union(known.covered, source.covered);
    store.deliver(known.ordinal, subtract(covered, known.covered), covered, undefined);
    const accepted = Math.max(known.accepted, source.accepted);
    store.setAccepted(known.ordinal, accepted);
    return { source, target: { ...known, accepted, covered }, isNew: false, isLonger: accepted > known.accepted };
  }
  const { id, accepted, covered, gone } = source;
  const about = from.prepare('select boot, opened_at from outboxes where id = ?').get(id) as { boot: number; opened_at: number };
  const ordinal = to
    .prepare(
      `insert into outboxes (ordinal, id, boot, opened_at, accepted, covered, gone)
       select coalesce(max(ordinal), 0) + 1, ?, ?, ?, ?, ?, ? from outboxes returning ordinal`,
    )
    .pluck()
    .get(id, about.boot, about.opened_at, accepted, JSON.stringify(covered), JSON.stringify(gone)) as number;
  return { source, target: { ordinal, id, accepted, covered, gone }, isNew: true, isLonger: accepted > 0 };
}

/** @returns how many of `left` bytes remain. */
function carryRows(from: Db, to: Db, rowClass: number, source: OutboxRecord, target: OutboxRecord, left: number): number {
  const read = from
    .prepare('select seq, channel, body, at, mono, trusted from rows where class = ? and outbox = ? and seq between ? and ?')
    .raw();
  const insert = to.prepare(
    'insert or ignore into rows (class, outbox, seq, channel, body, at, mono, trusted) values (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const all: Ranges = source.accepted > 0 ? [[1, source.accepted]] : [];
  let added = 0;
  for (const [first, last] of subtract(all, union(target.covered, union(target.gone, source.gone)))) {
    for (let next = first; next <= last && left > 0; next += CHUNK) {
      const found = readable((a, b) => read.all(rowClass, source.ordinal, a, b) as unknown[][], next, Math.min(next + CHUNK - 1, last));
      for (const row of found) {
        left -= ROW_BYTES + Buffer.byteLength(String(row[2]));
        if (left > 0) added += insert.run(rowClass, target.ordinal, ...row).changes;
      }
    }
  }
  new Store(to).addToTally(rowClass, added);
  return left;
}

/** Those of the later file replace those of the earlier, because the broker may have acknowledged more since. */
function carryPublications(from: Db, to: Db, pairs: readonly Pair[], isLater: boolean): void {
  const read = from.prepare('select class, first, last, ran_ms, tries from publications where outbox = ?').raw();
  const insert = to.prepare('insert into publications (outbox, class, first, last, ran_ms, tries) values (?, ?, ?, ?, ?, ?)');
  for (const { source, target } of pairs.filter(({ isNew }) => isNew || isLater)) {
    to.prepare('delete from publications where outbox = ?').run(target.ordinal);
    for (const row of unlessBroken(() => read.all(source.ordinal) as unknown[][]) ?? []) insert.run(target.ordinal, ...row);
  }
}

function carryDelivered(from: Db, to: Db, ordinals: ReadonlyMap<number, number>): void {
  const select = 'select outbox, seq, channel, body, at, ran_ms from delivered_alerts order by outbox desc, seq desc limit ?';
  const insert = to.prepare('insert or ignore into delivered_alerts (outbox, seq, channel, body, at, ran_ms) values (?, ?, ?, ?, ?, ?)');
  for (const [outbox, ...rest] of unlessBroken(() => from.prepare(select).raw().all(DELIVERED) as [number, ...unknown[]][]) ?? []) {
    const ordinal = ordinals.get(outbox);
    if (ordinal !== undefined) insert.run(ordinal, ...rest);
  }
}

/** Command ids of the later file replace those of the earlier, because a command may have ended since. */
function carryCommands(from: Db, to: Db, isLater: boolean): void {
  const columns = (unlessBroken(() => commonColumns(from, to, 'commands')) ?? []).map(({ name }) => name);
  if (columns.length === 0) return;
  const put = insertion(to, isLater ? 'insert or replace' : 'insert or ignore', 'commands', columns);
  const read = () => from.prepare(`select ${columns.join(', ')} from commands`).all();
  for (const row of unlessBroken(read) ?? []) put.run(row);
}

/** Marks the rows that neither file has as gone. @returns the event that declares them. */
function declareMissing(to: Db, { ordinal, id, accepted, covered, gone }: OutboxRecord, successor: string): EventBody[] {
  const held = to.prepare('select seq from rows where outbox = ?').pluck().all(ordinal) as number[];
  const lost = subtract([[1, accepted]], union(union(covered, gone), rangesOf(held)));
  if (count(lost) === 0) return [];
  to.prepare('update outboxes set gone = ? where ordinal = ?').run(JSON.stringify(union(gone, lost)), ordinal);
  return [closedEvent(id, accepted, lost, successor)];
}
