// Runs a whole agent on a narrow link, with a simulated ROS: narrowLife.ts CONFIG PICTURES ALERTS. PICTURES pictures wait in its spool.
// After the connect it raises an alert each second. It prints the event `narrow` with the time of each alert in nanoseconds of
// CLOCK_MONOTONIC.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/cli/run.ts';
import { loadConfig } from '../../src/config/index.ts';
import { OUTBOX_FILE, UploadRows } from '../../src/outbox/index.ts';
import { openDatabase } from '../../src/outbox/schema.ts';
import { SimulatedRos, SimulatedWorld } from '../../src/ros/index.ts';
import { askStatus, type Status } from '../../src/status/index.ts';
import { Spool } from '../../src/uploads/spool.ts';

const EVERY_MS = 1_000;
const LOOK_EVERY_MS = 100;
/** The messages after a connect are longer than alerts, and are sent within this time. */
const SETTLED_MS = 10_000;
const PICTURE_BYTES = 20_000;
const [file = '', pictures = '0', alerts = '0'] = process.argv.slice(2);
const { config } = loadConfig(file, process.env);
const { state_dir: stateDir } = config;

mkdirSync(stateDir, { recursive: true });
const db = openDatabase(join(stateDir, OUTBOX_FILE), config.outbox.max_size);
const spool = new Spool({
  folder: join(stateDir, 'uploads'),
  rows: new UploadRows(db),
  maxBytes: config.uploads.max_size,
  maxAgeMs: config.uploads.max_age,
  ranMs: () => 0,
  onDropped: () => {},
});
spool.open();
for (let n = 0; n < Number(pictures); n++) {
  const incident = `incident-${n}-of-before`;
  await spool.put({ kind: 'snapshot', contentType: 'image/jpeg', bytes: randomBytes(PICTURE_BYTES), takenAtMs: Date.now(), incident });
}
db.close();

const world = new SimulatedWorld();
const publisher = new SimulatedRos({ name: 'sensor', world }).start().advertise('/fall_detected', 'std_msgs/msg/Bool');
const until = new AbortController();
const running = run(file, { startRos: async (options) => new SimulatedRos({ ...options, world }).start(), until: until.signal });
const next = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const status = (): Promise<Status | undefined> => askStatus(stateDir).catch(() => undefined);
while ((await status())?.link.state !== 'connected') await next(LOOK_EVERY_MS);
await next(SETTLED_MS);
const publishedNs: number[] = [];
for (let n = 0; n < Number(alerts); n++) {
  publishedNs.push(Number(process.hrtime.bigint()));
  publisher.publish({ data: n % 2 === 0 });
  await next(EVERY_MS);
}
process.stdout.write(`${JSON.stringify({ event: 'narrow', publishedNs })}\n`);
until.abort();
await running;
