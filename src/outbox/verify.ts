// Whether a file keeps the queue's rules: every page as SQLite wants it, and every number of every outbox accounted for. All within
// one read, so that an agent that goes on writing changes nothing in between.
import { count, normalize, type Range, type Ranges, subtract, union } from '../wire/index.ts';
import type { OutboxReader } from './reader.ts';
import { ROW_CLASSES } from './rows.ts';

/** @returns one line per fault; empty if the file is sound. */
export function verifyOutbox(reader: OutboxReader): string[] {
  const { db } = reader;
  return db.transaction(() => {
    const pages = (db.pragma('integrity_check') as { integrity_check: string }[]).map((line) => line.integrity_check);
    const found = pages.filter((line) => line !== 'ok').map((line) => `pages: ${line}`);
    const tally = db
      .prepare('select t.rows - (select count(*) from rows r where r.class = t.class) from tally t where t.class = ?')
      .pluck();
    for (const [rowClass, name] of ROW_CLASSES.entries()) {
      const off = Number(tally.get(rowClass) ?? 0);
      if (off !== 0) found.push(`tally: ${name} counts ${Math.abs(off)} rows too ${off > 0 ? 'many' : 'few'}`);
    }
    const numbers = db.prepare('select seq from rows where outbox = ? order by seq').pluck();
    const publications = db
      .prepare('select count(*) from publications where outbox = ? and (last > ? or first < 1 or last < first)')
      .pluck();
    for (const { ordinal, id, accepted, covered, gone } of reader.books()) {
      const held = rangesOfSorted(numbers.iterate(ordinal) as IterableIterator<number>, (seq) => {
        found.push(`${id}: row ${seq} is held twice`);
      });
      const all: Ranges = accepted > 0 ? [[1, accepted]] : [];
      const say = (ranges: Ranges, what: string) => {
        if (ranges.length > 0) found.push(`${id}: ${count(ranges)} rows from ${ranges[0]?.[0]} on ${what}`);
      };
      say(subtract(all, union(held, union(covered, gone))), 'are neither held, nor covered, nor given up');
      say(subtract(held, all), 'are beyond what was accepted');
      say(subtract(held, subtract(held, union(covered, gone))), 'are held although covered or given up');
      const wrong = Number(publications.get(ordinal, accepted));
      if (wrong > 0) found.push(`${id}: ${wrong} acknowledgements are of rows that never were`);
    }
    const orphans = Number(db.prepare('select count(*) from rows where outbox not in (select ordinal from outboxes)').pluck().get());
    if (orphans > 0) found.push(`${orphans} rows belong to no outbox`);
    return found;
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
