// Appends to a real outbox as fast as it commits, and prints each row after its transaction returned. A printed row must survive.
// Arguments: the state directory and the first value.
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/clock/index.ts';
import { openOutbox } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';

const MAX_BYTES = 64 * 1024 ** 2;
const GROUP_MS = 60_000;

/** Rows per commit: one alert, or a group of telemetry. */
const GROUPS = [1, 1, 1, 2, 5, 20] as const;

const [stateDir = '', firstValue = '0'] = process.argv.slice(2);
const lifetime = Lifetime.begin(stateDir);
const clock = systemClock(lifetime.lastWallMs);
const { outbox } = openOutbox({ stateDir, maxBytes: MAX_BYTES, clock, lifetime, groupMs: GROUP_MS });
let value = Number(firstValue);
let committed = outbox.accepted;

function writeGroup(): void {
  const rows = GROUPS[value % GROUPS.length] ?? 1;
  const first = value;
  for (let i = 0; i < rows; i++) outbox.append({ class: rows === 1 ? 'alert' : 'telemetry', channel: 'written', value: value++ });
  outbox.flush();
  for (let i = 0; i < rows; i++) {
    committed++;
    writeSync(1, `${JSON.stringify({ event: 'committed', outbox: outbox.id, seq: committed, value: first + i })}\n`);
  }
  setImmediate(writeGroup);
}

writeGroup();
