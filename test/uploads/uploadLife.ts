// Runs a robot's uploads in a process of its own, for crash.test.ts and the campaign s3: uploadLife.ts FOLDER ORIGIN CERT KEY N. It takes N
// pictures, prints a line for each one that is kept, uploads all waiting files, and prints `alive` at its end.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock/index.ts';
import { openOutbox, UploadRows } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';
import { Problems } from '../../src/status/index.ts';
import { Uploads } from '../../src/uploads/index.ts';
import { sha256Of } from '../support/hash.ts';

const MAX_BYTES = 64 * 1024 ** 2;
const PICTURE_BYTES = 30_000;
const [folder = '', api = '', cert = '', key = '', pictures = '0'] = process.argv.slice(2);

const lifetime = Lifetime.begin(folder);
const clock = systemClock(0);
const { db, outbox } = openOutbox({ stateDir: folder, maxBytes: MAX_BYTES, clock, lifetime, groupMs: 50 });
const uploads = new Uploads({
  thing: 'elderly-bot',
  credentials: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
  api,
  maxKbps: null,
  pacing: 'fixed',
  isPaused: () => false,
  folder: join(folder, 'uploads'),
  maxBytes: MAX_BYTES,
  maxAgeMs: 86_400_000,
  ranMs: () => lifetime.ranBeforeMs + clock.mono(),
  backoff: { minMs: 20, maxMs: 200 },
  rows: new UploadRows(db),
  outbox,
  clock,
  problems: new Problems(
    () => clock.mono(),
    (state, { code, text }) => process.stdout.write(`${state} ${code} ${text}\n`),
  ),
});
uploads.start();
const stopping = new AbortController();
const running = uploads.run(stopping.signal);
for (let n = 0; n < Number(pictures); n++) {
  const bytes = randomBytes(PICTURE_BYTES);
  const incident = `incident-${lifetime.boot}-${n}`;
  const kept = await uploads.add({ kind: 'snapshot', contentType: 'image/jpeg', bytes, takenAtMs: Date.now(), incident });
  process.stdout.write(`${kept ? 'kept' : 'no room for'} ${sha256Of(bytes)}\n`);
}
while (uploads.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 5));
stopping.abort();
await running;
outbox.close();
db.close();
process.stdout.write('alive\n');
