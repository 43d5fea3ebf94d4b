// Fills an outbox like an offline agent: one reading per second, with a value that drifts like a battery's.
// fill.ts STATE_DIR COUNT SEED
import { mkdirSync } from 'node:fs';
import { openOutbox } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';

const [stateDir = '', count = '', seed = ''] = process.argv.slice(2);
const ROWS_PER_COMMIT = 1_000;
const MAX_BYTES = 4 * 1024 ** 3;

mkdirSync(stateDir, { recursive: true, mode: 0o700 });
const total = Number(count);
let state = Number(seed) >>> 0;
/** From 0 to 1. A linear congruential generator is random enough for jitter. */
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};

let [wallMs, monoMs] = [Date.now() - total * 1000, 0];
const clock = { wall: () => wallMs, mono: () => monoMs, trusted: () => true };
const lifetime = Lifetime.begin(stateDir);
const { db, outbox } = openOutbox({
  stateDir,
  maxBytes: MAX_BYTES,
  clock,
  lifetime,
  id: `filled${seed}`,
  groupMs: 10_000,
  onTrouble: (error) => {
    if (error) throw error;
  },
});
let charge = 80;
for (let n = 1; n <= total; n++) {
  const passedMs = 990 + Math.floor(random() * 20);
  wallMs += passedMs;
  monoMs += passedMs;
  charge = Math.min(100, Math.max(5, charge + (random() - 0.5) * 0.2));
  outbox.append({ class: 'telemetry', channel: 'level', value: Number(charge.toFixed(2)) });
  if (n % ROWS_PER_COMMIT === 0) outbox.flush();
}
outbox.close();
db.pragma('wal_checkpoint(TRUNCATE)');
db.close();
process.stdout.write(`${JSON.stringify({ event: 'filled', count: total })}\n`);
