// Checks an outbox file: the integrity of every page, and that every row number is accounted for exactly once. All checks run in a single
// read transaction, so that they see the same state while an agent keeps writing.

import { messageOf } from '../base/index.ts';
import { count, normalize, type Range, type Ranges, subtract, union } from '../wire/index.ts';
import type { OutboxReader } from './reader.ts';
import { isCorruption } from './repair.ts';
import { ROW_CLASSES } from './rows.ts';

/** Returns one line per fault. Damage that SQLite can't read past is the last of them. */
export function verifyOutbox(reader: OutboxReader): string[] {
  const faults: string[] = [];
  try {
    findFaults(reader, faults);
  } catch (error) {
    if (!isCorruption(error)) throw error;
    faults.push(`pages: ${messageOf(error)}`);
  }
  return faults;
}

/** Adds to `faults`, so that those found before an exception remain. */
function findFaults(reader: OutboxReader, faults: string[]): void {
  const { db } = reader;
  db.transaction(() => {
    const pages = (db.pragma('integrity_check') as { integrity_check: string }[]).map((line) => line.integrity_check);
    faults.push(...pages.filter((line) => line !== 'ok').map((line) => `pages: ${line}`));
    const tally = db
      .prepare('select t.rows - (select count(*) from rows r where r.class = t.class) from tally t where t.class = ?')
      .pluck();
    for (const [rowClass, name] of ROW_CLASSES.entries()) {
      const off = Number(tally.get(rowClass) ?? 0);
      if (off !== 0) faults.push(`tally: ${name} counts ${Math.abs(off)} rows too ${off > 0 ? 'many' : 'few'}`);
    }
    const numbers = db.prepare('select seq from rows where outbox = ? order by seq').pluck();
    const publications = db
      .prepare('select count(*) from publications where outbox = ? and (last > ? or first < 1 or last < first)')
      .pluck();
    for (const { ordinal, id, accepted, covered, gone } of reader.outboxes()) {
      const held = rangesOfSorted(numbers.iterate(ordinal) as IterableIterator<number>, (seq) => {
        faults.push(`${id}: row ${seq} is held twice`);
      });
      const all: Ranges = accepted > 0 ? [[1, accepted]] : [];
      const report = (ranges: Ranges, fault: string) => {
        if (ranges.length > 0) faults.push(`${id}: ${count(ranges)} rows from number ${ranges[0]?.[0]} ${fault}`);
      };
      report(subtract(all, union(held, union(covered, gone))), 'are neither held, nor covered, nor evicted');
      report(subtract(held, all), 'are held although their numbers were never assigned');
      report(subtract(held, subtract(held, union(covered, gone))), 'are held although covered or evicted');
      const wrong = Number(publications.get(ordinal, accepted));
      if (wrong > 0) faults.push(`${id}: ${wrong} acknowledgements name rows that never existed`);
    }
    const orphans = Number(db.prepare('select count(*) from rows where outbox not in (select ordinal from outboxes)').pluck().get());
    if (orphans > 0) faults.push(`${orphans} rows belong to no outbox`);
  })();
}

function rangesOfSorted(numbers: Iterable<number>, onTwice: (seq: number) => void): Ranges {
  const ranges: Range[] = [];
  for (const seq of numbers) {
    const last = ranges.at(-1);
    if (last && seq === last[1]) onTwice(seq);
    else if (last && seq === last[1] + 1) last[1] = seq;
    else ranges.push([seq, seq]);
  }
  return normalize(ranges);
}
