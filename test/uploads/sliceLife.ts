// Writes log lines and ships them in small slices, for slices.test.ts: sliceLife.ts FOLDER LINES SPOOL_BYTES. The numbers of the lines
// continue after a restart.
import { join } from 'node:path';
import { systemClock } from '../../src/clock/index.ts';
import { LogFile, logSlices, readLines } from '../../src/logs/index.ts';
import { Notes, openOutbox, UploadRows } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';
import { Slices } from '../../src/uploads/index.ts';
import { Spool } from '../../src/uploads/spool.ts';

const SLICE_BYTES = 60_000;
const [folder = '', lines = '0', maxBytes = '0'] = process.argv.slice(2);

const lifetime = Lifetime.begin(folder);
const clock = systemClock(0);
const { db } = openOutbox({ stateDir: folder, maxBytes: 64 * 1024 ** 2, clock, lifetime, groupMs: 50 });
const spool = new Spool({
  folder: join(folder, 'uploads'),
  rows: new UploadRows(db),
  maxBytes: Number(maxBytes),
  maxAgeMs: 86_400_000,
  ranMs: () => clock.mono(),
  onDropped: () => {},
});
spool.open();
const logs = join(folder, 'logs');
const file = new LogFile();
file.open({ folder: logs, maxBytes: 1024 ** 2, maxAgeMs: 86_400_000, nowMs: () => Date.now() });
let n = 0;
for await (const { text } of readLines(logs, { file: 0, offset: 0 })) if (text.includes('"n":')) n++;
for (let end = n + Number(lines); n < end; n++) file.write(`${JSON.stringify({ n, noise: Math.random().toString(36).repeat(12) })}\n`);

const add = async (upload: Parameters<Spool['put']>[0], within: () => void) => (await spool.put(upload, within)) !== undefined;
const slices = new Slices({ kind: 'log', notes: new Notes(db), add, nowMs: () => Date.now() });
file.sync();
const { end } = file;
await slices.send('test', (from) => logSlices(logs, from, end, SLICE_BYTES));
await file.close();
db.close();
