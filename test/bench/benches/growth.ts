// Measures how much one robot makes each table of the cloud grow. Two robots publish for a simulated half day: one as in a calm household, for
// the number of rows, and one with an alert, a result and an event in each minute, for the bytes of a row.

import { pino } from 'pino';
import type { Database } from '../../../cloud/src/database/database.ts';
import { migrate } from '../../../cloud/src/database/migrate.ts';
import { postgresDatabase } from '../../../cloud/src/database/postgres.ts';
import { Ingest } from '../../../cloud/src/ingest/ingest.ts';
import { applyRetention } from '../../../cloud/src/maintenance/retention.ts';
import { MonitorRows } from '../../../cloud/src/robots/index.ts';
import { DEFAULT_RETENTION } from '../../../cloud/src/settings/values.ts';
import { Postgres } from '../../support/postgres.ts';
import type { Bench, Findings } from '../bench.ts';

/** Simulated. The battery and the temperature go through the same values in each half day. */
const MINUTES = 720;
const BUSY_MINUTES = 240;
const READINGS = 50;
const DAYS = 365;
/** Rows of a household in a year, apart from the readings. Assumed. */
const ROWS_A_YEAR = { alerts: 2 * DAYS, results: 20 * DAYS, events: 5 * DAYS } as const;
/** Bytes of a robot and year in system_health and safety_monitor with a row a minute. */
const BEFORE_BYTES = 201_000_000;
/** The table and its rows' companions: partitions, and the robot's name. */
const RELATIONS = ['readings', 'alerts', 'results', 'events', 'system_health', 'safety_monitor'] as const;
type Table = (typeof RELATIONS)[number];

async function run(): Promise<Findings> {
  const server = await Postgres.start();
  const db = postgresDatabase({ url: server.url });
  try {
    await migrate(db);
    const startMs = Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth(), 1);
    await applyRetention(db, DEFAULT_RETENTION, startMs);
    const empty = await sizes(db);
    await publish(db, startMs);
    const figures: Record<string, unknown> = {};
    let monitors = 0;
    for (const [table, { rows, bytes }] of await sizes(db)) {
      const bytesARow = (bytes - (empty.get(table)?.bytes ?? 0)) / rows;
      const aYear =
        table === 'readings'
          ? READINGS * 2 * MINUTES * DAYS
          : (ROWS_A_YEAR[table as keyof typeof ROWS_A_YEAR] ?? (await calmRows(db, table)) * 2 * DAYS);
      const isMonitor = table === 'system_health' || table === 'safety_monitor';
      if (isMonitor) monitors += bytesARow * aYear;
      const days = table === 'alerts' ? null : DEFAULT_RETENTION[table];
      const keptBytes = (bytesARow * aYear * Math.min(days ?? DAYS, DAYS)) / DAYS;
      figures[table] = { rows_a_year: aYear, bytes_a_row: bytesARow, mb_a_year: (bytesARow * aYear) / 1e6, mb_kept: keptBytes / 1e6 };
    }
    return {
      figures,
      targets: [{ name: 'bytes a year in the inherited tables / one row a minute', value: monitors / BEFORE_BYTES, atMost: 0.15 }],
    };
  } finally {
    await db.close();
    await server.stop();
  }
}

/** Rows and bytes with indexes, of all partitions and of the table that names the robot of a row. */
async function sizes(db: Database): Promise<Map<Table, { rows: number; bytes: number }>> {
  const found = new Map<Table, { rows: number; bytes: number }>();
  for (const table of RELATIONS) {
    const [row] = await db.query<{ rows: number; bytes: number }>(
      `select (select count(*) from ${table}) as rows, sum(pg_total_relation_size(oid))::bigint as bytes from pg_class
      where oid = $1::text::regclass or relname = $1 || '_of' or oid in (select inhrelid from pg_inherits where inhparent = $1::text::regclass)`,
      [table],
    );
    if (row) found.set(table, row);
  }
  return found;
}

async function calmRows(db: Database, table: Table): Promise<number> {
  const [row] = await db.query<{ n: number }>(`select count(*) as n from ${table}_of where thing = 'calm'`);
  return row?.n ?? 0;
}

async function publish(db: Database, startMs: number): Promise<void> {
  const log = pino({ level: 'silent' });
  let nowMs = startMs;
  const ingest = new Ingest({ db, patterns: ['elderly_bot'], log, nowMs: () => nowMs, onCommitted: () => {} });
  const monitors = new MonitorRows({ db, log });
  ingest.start();
  const send = (topic: string, message: unknown): Promise<void> =>
    new Promise((done) => ingest.take({ topic: `elderly_bot/${topic}`, payload: Buffer.from(JSON.stringify(message)), done }));
  for (let minute = 0; minute < MINUTES; minute++, nowMs += 60_000) {
    // The battery is empty after eight hours, charges for four, and the temperature has noise.
    const hours = minute / 60;
    const battery = Math.round(hours < 8 ? 100 - hours * 10 : 20 + (hours - 8) * 20);
    const temperature = Number((21 + 2 * Math.sin((minute / MINUTES) * 2 * Math.PI) + 0.1 * Math.sin(minute * 7)).toFixed(2));
    const things = minute < BUSY_MINUTES ? ['calm', 'busy'] : ['calm'];
    await Promise.all(things.map((thing) => sendMinute(send, { thing, minute, nowMs, battery, temperature })));
    if (minute % 60 === 59) await monitors.move();
  }
  await ingest.drain(10_000);
  // The rows of half a day fill few pages, so that their bytes would be those of half-empty pages.
  await db.query(
    `insert into monitor_due (thing, target, content) select 'busy', target, content::jsonb from generate_series(1, 10000),
    (values ('system_health', '{"power": 88, "temperature": 21.37}'),
      ('safety_monitor', '{"gas": "Normal", "fire": "None", "fall": "None", "stranger": "None"}')) as n(target, content)`,
  );
  await monitors.move();
}

interface Minute {
  readonly thing: string;
  readonly minute: number;
  readonly nowMs: number;
  readonly battery: number;
  readonly temperature: number;
}

async function sendMinute(
  send: (topic: string, message: unknown) => Promise<void>,
  { thing, minute, nowMs, battery, temperature }: Minute,
): Promise<void> {
  const isBusy = thing === 'busy';
  const first = minute * (READINGS + 2) + 1;
  const names = { thing, outbox: '01JDC3Z8N60123456789ABCDEF', accepted: first + READINGS + 1, mark: [1, minute * 60_000] };
  const readings = Array.from({ length: READINGS }, (_, i) => {
    const at = nowMs + i * 1_000;
    if (isBusy && i === 0) return [first, at, 'fall', true, { alert: 'raised', incident: `01JDC3Z8N6${minute}` }];
    if (isBusy && i === 1) return [first + 1, at, 'fall', false, { alert: 'cleared', incident: `01JDC3Z8N6${minute}` }];
    return [first + i, at, i % 2 === 0 ? 'battery' : 'temperature', i % 2 === 0 ? battery : temperature];
  });
  const state = {
    state_seq: first + READINGS - 1,
    gas: false,
    fire: false,
    fall: isBusy && minute % 2 === 0,
    stranger: false,
    battery,
    temperature,
  };
  await send('telemetry', { ...names, kind: 'telemetry', sent_at: nowMs, ...state, readings });
  if (!isBusy) return;
  const row = { ...names, at: nowMs };
  await send('results', {
    ...row,
    seq: first + READINGS,
    kind: 'result',
    id: `01JDC3Z8N6R${minute}`,
    command: 'set_volume',
    status: 'done',
  });
  await send('events', { ...row, seq: first + READINGS + 1, kind: 'evicted', of: 'earlier', ranges: [[1, 2]], reason: 'space' });
}

export const growth: Bench = { name: 'growth', what: 'bytes of a robot and year in each table of the cloud', run };
