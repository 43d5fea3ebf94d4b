// Measures the journal's part of a command: durable entries of the real journal in a file of its own at a steady rate. journal.ts FOLDER
// RATE COUNT prints the event `floor` with the microseconds of each entry.
import { join } from 'node:path';
import { CommandJournal } from '../../src/outbox/index.ts';
import { openDatabase } from '../../src/outbox/schema.ts';

const [folder = '', rate = '1', count = '1'] = process.argv.slice(2);
const db = openDatabase(join(folder, 'outbox.db'), 64 * 1024 ** 2);
const journal = new CommandJournal(db, () => Math.floor(performance.now()));
const us: number[] = [];
const startedMs = performance.now();
for (let n = 0; n < Number(count); n++) {
  const ahead = startedMs + (n * 1000) / Number(rate) - performance.now();
  if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
  const began = process.hrtime.bigint();
  journal.begin(`bench-${n}`, 'level', Date.now());
  us.push(Number(process.hrtime.bigint() - began) / 1000);
}
db.close();
process.stdout.write(`${JSON.stringify({ event: 'floor', us })}\n`);
