// Compares the rows per second that the cloud's ingest commits with COPY of the same rows into a table with the same columns, index and
// partitions, in the same run on a PostgreSQL with fsync. Messages arrive as from a broker: a full window waits for PUBACKs.
import { pino } from 'pino';
import type { Database } from '../../../cloud/src/database/database.ts';
import { migrate } from '../../../cloud/src/database/migrate.ts';
import { postgresDatabase } from '../../../cloud/src/database/postgres.ts';
import { Ingest } from '../../../cloud/src/ingest/ingest.ts';
import { applyRetention, monthsBetween } from '../../../cloud/src/maintenance/retention.ts';
import { readAccounts } from '../../../cloud/src/receipts/coverage.ts';
import { DEFAULT_RETENTION } from '../../../cloud/src/settings/values.ts';
import { Postgres } from '../../support/postgres.ts';
import type { Bench, Context, Findings } from '../bench.ts';
import { median } from '../figures.ts';

const ROBOTS = 1_000;
const READINGS = 50;
const MESSAGES_EACH = 8;
const ROWS = ROBOTS * READINGS * MESSAGES_EACH;
/** The cloud's receive maximum: messages that a broker may have in flight. */
const WINDOW = 500;
const PIECE_LINES = 1_000;
const CHANNELS = ['temperature', 'battery', 'gas', 'fire', 'fall', 'stranger'] as const;

interface Work {
  readonly messages: readonly { readonly topic: string; readonly payload: Buffer }[];
  /** The same rows as text for COPY. */
  readonly pieces: readonly string[];
}

interface Run {
  readonly rowsPerS: number;
  readonly commits: number;
  readonly cpuUsPerRow: number;
}

function made(nowMs: number): Work {
  const messages: { topic: string; payload: Buffer }[] = [];
  const lines: string[] = [];
  for (let n = 0; n < MESSAGES_EACH; n++) {
    for (let robot = 0; robot < ROBOTS; robot++) {
      const thing = `robot-${String(robot).padStart(4, '0')}`;
      const outbox = `01JDC3Z8N6${String(robot).padStart(4, '0')}`;
      const readings = Array.from({ length: READINGS }, (_, i) => {
        const seq = n * READINGS + i + 1;
        const channel = CHANNELS[i % CHANNELS.length] ?? 'gas';
        const value = channel === 'temperature' ? 20 + i / 10 : channel === 'battery' ? 100 - i : false;
        const at = nowMs - 1_000_000 + seq * 20;
        lines.push(`${thing}\t${outbox}\t${seq}\t${at}\t${channel}\t${value}\n`);
        return [seq, at, channel, value];
      });
      const seq = (n + 1) * READINGS;
      const state = { state_seq: seq, gas: false, fire: false, fall: false, stranger: false, battery: 87, temperature: 20 + n };
      const message = { thing, outbox, accepted: seq, mark: [1, n * 1_000], kind: 'telemetry', sent_at: nowMs, ...state, readings };
      messages.push({ topic: `fleet/${thing}/telemetry`, payload: Buffer.from(JSON.stringify(message)) });
    }
  }
  const pieces = Array.from({ length: Math.ceil(lines.length / PIECE_LINES) }, (_, i) =>
    lines.slice(i * PIECE_LINES, (i + 1) * PIECE_LINES).join(''),
  );
  return { messages, pieces };
}

async function copy(db: Database, { pieces }: Work, nowMs: number): Promise<number> {
  await db.script('drop table if exists copied; create table copied (like readings including all) partition by range (at)');
  for (const { name, fromMs, toMs } of monthsBetween(nowMs - 100_000_000, nowMs)) {
    await db.script(`create table copied_${name} partition of copied for values from (${fromMs}) to (${toMs})`);
  }
  await db.script('checkpoint');
  const startedMs = performance.now();
  await db.transaction(async (sql) => sql.copy?.('copy copied (thing, outbox, seq, at, channel, value) from stdin', pieces));
  return (ROWS / (performance.now() - startedMs)) * 1_000;
}

async function ingest(db: Database, { messages }: Work): Promise<Run> {
  await db.script('truncate readings, outboxes, robots, system_health, safety_monitor');
  await db.script('checkpoint');
  let commits = 0;
  const log = pino({ level: 'silent' });
  const part = new Ingest({ db, patterns: ['fleet/+'], log, onCommitted: () => void commits++ });
  part.start();
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  await new Promise<void>((resolve) => {
    let sent = 0;
    let done = 0;
    const send = (): void => {
      const message = messages[sent++];
      if (message) part.take({ ...message, done: acknowledged });
    };
    const acknowledged = (): void => {
      if (++done === messages.length) resolve();
      // One message per turn of the event loop, like a broker's packets.
      else setImmediate(send);
    };
    for (let n = 0; n < WINDOW; n++) send();
  });
  const ms = performance.now() - startedMs;
  const cpu = process.cpuUsage(cpuBefore);
  await part.drain(10_000);
  await check(db);
  return { rowsPerS: (ROWS / ms) * 1_000, commits, cpuUsPerRow: (cpu.user + cpu.system) / ROWS };
}

/** Rejects a run that lost rows. */
async function check(db: Database): Promise<void> {
  const [stored] = await db.query<{ n: number }>('select count(*) as n from readings');
  const [account] = await readAccounts(db, 'robot-0999');
  if (stored?.n === ROWS && account?.committed === READINGS * MESSAGES_EACH) return;
  throw new Error(`${stored?.n} of ${ROWS} rows are stored, and of the last robot ${account?.committed} are covered`);
}

/** Bytes of the table with its index right after the run, before any vacuum. */
async function storedBytes(db: Database): Promise<number> {
  const [stored] = await db.query<{ bytes: number }>(
    "select sum(pg_total_relation_size(inhrelid))::bigint as bytes from pg_inherits where inhparent = 'readings'::regclass",
  );
  return (stored?.bytes ?? Number.NaN) / ROWS;
}

async function run({ rounds, say }: Context): Promise<Findings> {
  const server = await Postgres.start({ durable: true });
  const db = postgresDatabase({ url: server.url });
  try {
    await migrate(db);
    const nowMs = Date.now();
    await applyRetention(db, DEFAULT_RETENTION, nowMs);
    const work = made(nowMs);
    const copied: number[] = [];
    const runs: Run[] = [];
    await ingest(db, work);
    for (let round = 0; round < rounds; round++) {
      copied.push(await copy(db, work, nowMs));
      const one = await ingest(db, work);
      runs.push(one);
      say(`COPY ${copied.at(-1)?.toFixed(0)} rows/s, ingest ${one.rowsPerS.toFixed(0)} rows/s in ${one.commits} commits`);
    }
    const bytesPerRow = await storedBytes(db);
    const ratio = median(runs.map(({ rowsPerS }, i) => rowsPerS / (copied[i] ?? Number.NaN)));
    return {
      figures: {
        robots: ROBOTS,
        rows: ROWS,
        rows_a_message: READINGS,
        copy_rows_per_s: median(copied),
        ingest_rows_per_s: median(runs.map(({ rowsPerS }) => rowsPerS)),
        commits: median(runs.map(({ commits }) => commits)),
        node_cpu_us_a_row: median(runs.map(({ cpuUsPerRow }) => cpuUsPerRow)),
        disk_bytes_a_row: bytesPerRow,
        each_round: { copy: copied, ingest: runs.map(({ rowsPerS }) => rowsPerS) },
      },
      targets: [{ name: 'rows a second / COPY', value: ratio, atLeast: 0.25, stretch: 0.5 }],
    };
  } finally {
    await db.close();
    await server.stop();
  }
}

export const ingestion: Bench = { name: 'ingest', what: 'rows a second into PostgreSQL from 1,000 robots, beside COPY', run };
