// Appends to a real outbox as fast as it commits, and says each row on stdout after the transaction returned: what is said is
// promised, whatever happens next. Arguments: the state directory, and the first value to write.
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock/index.ts';
import { Outbox, openDatabase, Space } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';

const MAX_BYTES = 64 * 1024 ** 2;
const GROUP_MS = 60_000;

/** Rows a commit: alerts stand alone, telemetry comes in groups. */
const GROUPS = [1, 1, 1, 2, 5, 20] as const;

const [stateDir = '', firstValue = '0'] = process.argv.slice(2);
const lifetime = Lifetime.begin(stateDir);
const clock = systemClock(lifetime.lastWallMs);
const db = openDatabase(join(stateDir, 'outbox.db'), MAX_BYTES);
const id = randomBytes(12).toString('base64url');
const outbox = new Outbox({ db, space: new Space(db, stateDir, MAX_BYTES), clock, lifetime, id, groupMs: GROUP_MS, onTrouble: () => {} });
outbox.start();
let value = Number(firstValue);
let committed = 0;

function writeGroup(): void {
  const rows = GROUPS[value % GROUPS.length] ?? 1;
  const first = value;
  for (let i = 0; i < rows; i++) outbox.append({ class: rows === 1 ? 'alert' : 'telemetry', channel: 'written', value: value++ });
  outbox.flush();
  for (let i = 0; i < rows; i++) {
    committed++;
    writeSync(1, `${JSON.stringify({ event: 'committed', outbox: id, seq: committed, value: first + i })}\n`);
  }
  setImmediate(writeGroup);
}

writeGroup();
