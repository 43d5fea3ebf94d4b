// What can still be read of a damaged file, taken over into a fresh one: every row under its outbox's name and number,
// the command journal, so that no command runs twice, delivered alerts, waiting uploads and notes. Each table and each outbox by
// itself, so that a broken one costs nothing but itself.
import Database from 'better-sqlite3';
import { type EventBody, type Ranges, rangesOf, subtract, union } from '../wire/index.ts';
import { ROW_CLASSES } from './rows.ts';
import type { Db } from './schema.ts';

interface DamagedOutbox {
  readonly ordinal: number;
  readonly id: string;
  readonly boot: number;
  readonly opened_at: number;
  readonly accepted: number;
  readonly covered: string;
  readonly gone: string;
}

/** Rows read at once: what memory a big file takes. */
const CHUNK = 10_000;

/** Tables that are copied as they are, each with the columns that name a row of it. */
const COPIED = { commands: ['id'], delivered_alerts: ['outbox', 'seq'], uploads: ['file'], notes: ['name'] } as const;

/** @returns what the cloud has to be told about outboxes that are no more. Never throws for what is damaged. */
export function salvage(file: string, fresh: Db, expected: readonly string[], successor: string): EventBody[] {
  const closed: EventBody[] = [];
  const damaged = reading(() => new Database(file, { fileMustExist: true }));
  if (damaged) {
    for (const outbox of reading(() => outboxesOf(damaged)) ?? []) {
      const event = reading(() => fresh.transaction(() => takeOver(damaged, fresh, outbox, successor))());
      if (event) closed.push(event);
    }
    for (const table of Object.keys(COPIED) as (keyof typeof COPIED)[]) copy(damaged, fresh, table);
    reading(() => damaged.close());
  }
  return [...closed, ...unknownTo(fresh, expected).map((id) => closedEvent(id, null, [], successor))];
}

export function unknownTo(db: Db, ids: readonly string[]): string[] {
  const known = db.prepare('select 1 from outboxes where id = ?');
  return ids.filter((id) => known.get(id) === undefined);
}

export function closedEvent(old: string, lastSeq: number | null, lost: Ranges, successor: string): EventBody {
  return { kind: 'outbox_closed', old, last_seq: lastSeq, lost, successor };
}

/** Where a page is broken there is nothing. */
function reading<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function outboxesOf(damaged: Db): DamagedOutbox[] {
  const found = damaged.prepare('select ordinal, id, boot, opened_at, accepted, covered, gone from outboxes order by ordinal').all();
  return (found as DamagedOutbox[]).filter(
    ({ covered, gone }) => reading(() => JSON.parse(covered)) !== undefined && reading(() => JSON.parse(gone)) !== undefined,
  );
}

function takeOver(damaged: Db, fresh: Db, outbox: DamagedOutbox, successor: string): EventBody {
  const insert = fresh.prepare('insert into rows (class, outbox, seq, channel, body, at, mono, trusted) values (?, ?, ?, ?, ?, ?, ?, ?)');
  const read = damaged
    .prepare('select class, outbox, seq, channel, body, at, mono, trusted from rows where class = ? and outbox = ? and seq between ? and ?')
    .raw();
  const kept: number[] = [];
  for (const [rowClass, name] of ROW_CLASSES.entries()) {
    let taken = 0;
    for (let first = 1; first <= outbox.accepted; first += CHUNK) {
      const last = Math.min(first + CHUNK - 1, outbox.accepted);
      for (const row of readable((from, to) => read.all(rowClass, outbox.ordinal, from, to) as unknown[][], first, last)) {
        if (!isWhole(name, String(row[4])) || reading(() => insert.run(...row)) === undefined) continue;
        kept.push(Number(row[2]));
        taken++;
      }
    }
    fresh.prepare('update tally set rows = rows + ? where class = ?').run(taken, rowClass);
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

/** A text that a broken page garbled would be poison to the cloud. */
function isWhole(name: (typeof ROW_CLASSES)[number], body: string): boolean {
  const isReading = name === 'alert' || name === 'telemetry';
  return reading(() => JSON.parse(isReading ? `[${body}]` : `{${body}}`)) !== undefined;
}

/** Reads a range of rows; where a page in it is broken, reads its halves, down to single rows. */
function readable(read: (first: number, last: number) => unknown[][], first: number, last: number): unknown[][] {
  if (first > last) return [];
  const found = reading(() => read(first, last));
  if (found) return found;
  if (first === last) return [];
  const middle = Math.floor((first + last) / 2);
  return [...readable(read, first, middle), ...readable(read, middle + 1, last)];
}

/** Row by row, from both ends: a broken page in the middle hides only what it holds. */
function copy(damaged: Db, fresh: Db, table: keyof typeof COPIED): void {
  const columns = fresh.prepare(`select name from pragma_table_info(?)`).pluck().all(table).join(', ');
  const values = columns.replaceAll(/\w+/g, '?');
  const put = fresh.prepare(`insert or ignore into ${table} (${columns}) values (${values})`);
  for (const order of ['asc', 'desc']) {
    const by = COPIED[table].map((column) => `${column} ${order}`).join(', ');
    const readAll = () => {
      for (const row of damaged.prepare(`select ${columns} from ${table} order by ${by}`).raw().iterate()) {
        reading(() => put.run(...(row as unknown[])));
      }
    };
    fresh.transaction(() => reading(readAll))();
  }
}
