// Writes an outbox file with one alert, as a stopped agent leaves it, and damages such a file.
import { closeSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { OUTBOX_FILE, openOutbox } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';

const MAX_BYTES = 64 * 1024 ** 2;
const READINGS = 2_000;
const PAGE = 4_096;

/** @param alertAgeMs age of the alert by the wall clock. */
export function leaveOutbox(stateDir: string, alertAgeMs: number): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const lifetime = Lifetime.begin(stateDir);
  const { db, outbox } = openOutbox({
    stateDir,
    maxBytes: MAX_BYTES,
    clock: { wall: () => Date.now() - alertAgeMs, mono: () => 0, trusted: () => true },
    lifetime,
    id: 'left-behind',
    groupMs: 60_000,
  });
  outbox.append({ class: 'alert', channel: 'gas', value: true, extra: { alert: 'raised', incident: 'incident-0001' } });
  for (let i = 0; i < READINGS; i++) outbox.append({ class: 'telemetry', channel: 'battery', value: i / 20 });
  outbox.close();
  db.close();
}

/** Overwrites the middle pages of the file. */
export function damageOutbox(stateDir: string): void {
  const file = join(stateDir, OUTBOX_FILE);
  const pages = Math.floor(statSync(file).size / PAGE);
  const descriptor = openSync(file, 'r+');
  for (let page = Math.floor(pages / 3); page < (2 * pages) / 3; page++)
    writeSync(descriptor, Buffer.alloc(PAGE, 0x5a), 0, PAGE, page * PAGE);
  closeSync(descriptor);
}
