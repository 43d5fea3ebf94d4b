// Copies whatever is readable in a damaged file to a new file: rows with their outbox ids and numbers, the command journal, delivered
// alerts, uploads and notes. Every table and every outbox is copied separately, so that a broken page affects only one of them.

import Database, { type Statement } from 'better-sqlite3';
import { parseJson } from '../base/index.ts';
import { type EventBody, type Ranges, rangesOf, subtract, union } from '../wire/index.ts';
import { checkerOf } from './foreignRows.ts';
import { ROW_CLASSES } from './rows.ts';
import { commonColumns, type Db, insertion, tablesOf } from './schema.ts';

interface DamagedOutbox {
  readonly ordinal: number;
  readonly id: string;
  readonly boot: number;
  readonly opened_at: number;
  readonly accepted: number;
  readonly covered: string;
  readonly gone: string;
}

/** Rows per read. Bounds the memory needed for a large file. */
const CHUNK = 10_000;

/** Tables of outboxes and rows, which are copied together. Acknowledged rows are sent again, so their acknowledgements are not copied. */
const OF_OUTBOXES = ['outboxes', 'rows', 'publications', 'tally'];

/** Copies what it can and never throws because of damage. @returns events that tell the cloud which rows of each outbox are lost. */
export function salvage(file: string, fresh: Db, successor: string): EventBody[] {
  const closed: EventBody[] = [];
  const damaged = unlessBroken(() => new Database(file, { fileMustExist: true }));
  if (damaged) {
    // A view or an index of a foreign file must not run functions while it is read.
    unlessBroken(() => damaged.pragma('trusted_schema = OFF'));
    for (const outbox of unlessBroken(() => outboxesOf(damaged)) ?? []) {
      const event = unlessBroken(() => fresh.transaction(() => copyOutbox(damaged, fresh, outbox, successor))());
      if (event) closed.push(event);
    }
    for (const table of tablesOf(fresh)) if (!OF_OUTBOXES.includes(table)) copyTable(damaged, fresh, table);
    unlessBroken(() => damaged.close());
  }
  return closed;
}

export function unknownTo(db: Db, ids: readonly string[]): string[] {
  const known = db.prepare('select 1 from outboxes where id = ?');
  return ids.filter((id) => known.get(id) === undefined);
}

export function closedEvent(old: string, lastSeq: number | null, lost: Ranges, successor: string): EventBody {
  return { kind: 'outbox_closed', old, last_seq: lastSeq, lost, successor };
}

/** Runs `work`. @returns undefined if it throws, for example because of a broken page. */
export function unlessBroken<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function outboxesOf(damaged: Db): DamagedOutbox[] {
  const found = damaged.prepare('select ordinal, id, boot, opened_at, accepted, covered, gone from outboxes order by ordinal').all();
  return (found as DamagedOutbox[]).filter(({ covered, gone }) => parseJson(covered) !== undefined && parseJson(gone) !== undefined);
}

function copyOutbox(damaged: Db, fresh: Db, outbox: DamagedOutbox, successor: string): EventBody {
  const covered = JSON.parse(outbox.covered) as Ranges;
  const gone = JSON.parse(outbox.gone) as Ranges;
  const all: Ranges = outbox.accepted > 0 ? [[1, outbox.accepted]] : [];
  const rows = new RowCopier(fresh, outbox);
  copyByKey(damaged, outbox, rows);
  const missing = () => subtract(all, union(union(covered, gone), rangesOf([...rows.copied])));
  if (missing().length > 0) copyByPosition(damaged, rows);
  const lost = missing();
  rows.saveTally();
  fresh
    .prepare('insert into outboxes (ordinal, id, boot, opened_at, accepted, covered, gone) values (?, ?, ?, ?, ?, ?, ?)')
    .run(outbox.ordinal, outbox.id, outbox.boot, outbox.opened_at, outbox.accepted, outbox.covered, JSON.stringify(union(gone, lost)));
  return closedEvent(outbox.id, outbox.accepted, lost, successor);
}

const ROW = 'class, outbox, seq, channel, body, at, mono, trusted';

/** Copies the intact rows of one outbox. A row that is found several times is copied once. */
class RowCopier {
  readonly copied = new Set<number>();
  readonly #outbox: DamagedOutbox;
  readonly #insert: Statement;
  readonly #add: Statement;
  readonly #tally = ROW_CLASSES.map(() => 0);

  constructor(fresh: Db, outbox: DamagedOutbox) {
    this.#outbox = outbox;
    this.#insert = fresh.prepare(`insert into rows (${ROW}) values (?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#add = fresh.prepare('update tally set rows = rows + ? where class = ?');
  }

  copy(row: unknown[]): void {
    const [rowClass, ordinal, seq, , body] = row as [number, number, number, string, string];
    const name = ROW_CLASSES[rowClass];
    if (name === undefined || ordinal !== this.#outbox.ordinal || seq < 1 || seq > this.#outbox.accepted || this.copied.has(seq)) return;
    // A broken page may have garbled the text. The cloud would reject it, so count the row as lost instead.
    const json = name === 'alert' || name === 'telemetry' ? `[${body}]` : `{${body}}`;
    if (parseJson(json) === undefined || unlessBroken(() => this.#insert.run(...row)) === undefined) return;
    this.copied.add(seq);
    this.#tally[rowClass] = (this.#tally[rowClass] ?? 0) + 1;
  }

  saveTally(): void {
    for (const [rowClass, rows] of this.#tally.entries()) this.#add.run(rows, rowClass);
  }
}

/** Copies rows by primary key. This misses rows whose page, or one of its ancestors in the B-tree, is broken. */
function copyByKey(damaged: Db, { ordinal, accepted }: DamagedOutbox, rows: RowCopier): void {
  const read = damaged.prepare(`select ${ROW} from rows where class = ? and outbox = ? and seq between ? and ?`).raw();
  for (const rowClass of ROW_CLASSES.keys()) {
    for (let first = 1; first <= accepted; first += CHUNK) {
      const last = Math.min(first + CHUNK - 1, accepted);
      const found = readable((from, to) => read.all(rowClass, ordinal, from, to) as unknown[][], first, last);
      for (const row of found) rows.copy(row);
    }
  }
}

/** Copies rows by position, scanning from both ends. This also finds rows that a garbled key in an interior page hides from key lookups. */
function copyByPosition(damaged: Db, rows: RowCopier): void {
  for (const order of ['asc', 'desc']) {
    const inOrder = `from rows order by class ${order}, outbox ${order}, seq ${order}`;
    let reached = 0;
    unlessBroken(() => {
      for (const _name of damaged.prepare(`select class, outbox, seq ${inOrder}`).raw().iterate()) reached++;
    });
    const read = damaged.prepare(`select ${ROW} ${inOrder} limit ? offset ?`).raw();
    for (let first = 0; first < reached; first += CHUNK) {
      const last = Math.min(first + CHUNK, reached) - 1;
      const found = readable((from, to) => read.all(to - from + 1, from) as unknown[][], first, last);
      for (const row of found) rows.copy(row);
    }
  }
}

/** Reads a range of rows. If that fails on a broken page, reads each half separately, down to single rows. */
export function readable(read: (first: number, last: number) => unknown[][], first: number, last: number): unknown[][] {
  if (first > last) return [];
  const found = unlessBroken(() => read(first, last));
  if (found) return found;
  if (first === last) return [];
  const middle = Math.floor((first + last) / 2);
  return [...readable(read, first, middle), ...readable(read, middle + 1, last)];
}

/**
 * Copies a table row by row, first forwards and then backwards, so that a broken page in the middle loses only its own rows. A garbled row
 * is left out, because it could stop the agent at each start.
 */
function copyTable(damaged: Db, fresh: Db, table: string): void {
  const columns = unlessBroken(() => commonColumns(damaged, fresh, table)) ?? [];
  const names = columns.map(({ name }) => name);
  const check = checkerOf(table, columns);
  const keys = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  if (names.length === 0) return;
  const put = insertion(fresh, 'insert or ignore', table, names);
  for (const order of ['asc', 'desc']) {
    const by = keys.map(({ name }) => `${name} ${order}`).join(', ');
    const readAll = () => {
      for (const row of damaged.prepare(`select ${names.join(', ')} from ${table} order by ${by}`).iterate()) {
        if (check.safeParse(row).success) unlessBroken(() => put.run(row));
      }
    };
    fresh.transaction(() => unlessBroken(readAll))();
  }
}
