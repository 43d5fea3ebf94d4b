// Inserts the rows of a batch, one statement per table. A stored row stays as it is: a row never changes, so a second delivery is the
// same row. Stored rows are searched by name only, in every month: the primary key of a partitioned table has to include `at`, and a
// faulty (or forged) second delivery may have another time. That is exact, because a row is only inserted under the lock of its outbox,
// which the batch holds. If a row occurs twice in a batch, the first counts.
import type { Param, Sql } from '../database/index.ts';
import { storableJson, storableText } from '../database/index.ts';
import type { Message, PoisonMessage, RowsMessage } from '../messages/index.ts';
import { BULK_ROWS, type Cell, copyReadings } from './bulk.ts';

type Column = { readonly name: string; readonly type: string; readonly cast?: string };

const NAME: readonly Column[] = [
  { name: 'thing', type: 'text' },
  { name: 'outbox', type: 'text' },
  { name: 'seq', type: 'bigint' },
];
const UNREAD = [...NAME, text('raw'), text('unread')];
const READING: readonly Column[] = [
  ...NAME,
  { name: 'at', type: 'bigint' },
  text('channel'),
  { name: 'value', type: 'text', cast: 'jsonb' },
  text('alert'),
  text('incident'),
  text('bad'),
  text('clock'),
  { name: 'stamp', type: 'float8' },
];
const READINGS = insertion('readings', READING);
const COPIED_READINGS = `copy readings (${READING.map(({ name }) => name).join(', ')}) from stdin`;
const RESULTS = insertion('results', [
  ...NAME,
  { name: 'at', type: 'bigint' },
  text('id'),
  text('command'),
  text('status'),
  text('reason'),
  text('detail'),
  { name: 'applied', type: 'text', cast: 'jsonb' },
]);
const EVENTS = insertion('events', [...NAME, { name: 'at', type: 'bigint' }, text('kind'), { name: 'body', type: 'text', cast: 'jsonb' }]);
const UNREADS = {
  readings: insertion('readings', UNREAD),
  results: insertion('results', UNREAD),
  events: insertion('events', UNREAD),
};

export async function insertRows(sql: Sql, messages: readonly RowsMessage[]): Promise<void> {
  const count = messages.reduce((sum, { readings }) => sum + readings.length, 0);
  if (sql.copy && count >= BULK_ROWS) await copyReadings(sql.copy, sql, COPIED_READINGS, messages, readingRows);
  else await insert(sql, READINGS, messages.flatMap(readingRows));
  await insert(sql, RESULTS, messages.flatMap(resultRows));
  await insert(sql, EVENTS, messages.flatMap(eventRows));
  const unread = messages.filter((message) => message.unread.length > 0);
  for (const message of unread) await insert(sql, UNREADS[message.unreadTable], unreadRows(message));
}

/** Keeps messages that could not be read or named, unchanged, with the reason. */
export async function insertPoison(sql: Sql, messages: readonly Message[]): Promise<void> {
  const whole = messages.filter((message): message is PoisonMessage => message.kind === 'poison');
  const parts = messages.flatMap((message) =>
    message.kind === 'rows'
      ? message.unnamed.map((raw) => ({
          ...message.names,
          topic: message.topic,
          why: 'a reading without a seq',
          payload: Buffer.from(raw),
        }))
      : [],
  );
  const rows = [...whole, ...parts];
  if (rows.length === 0) return;
  await sql.query(
    `insert into poison_messages (topic, thing, reason, payload)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::bytea[])`,
    [
      rows.map((row) => storableText(row.topic)),
      rows.map((row) => row.thing),
      rows.map((row) => storableText(row.why)),
      rows.map((row) => row.payload),
    ],
  );
}

function readingRows({ names, readings }: RowsMessage): Cell[][] {
  return readings.map(([seq, at, channel, value, extra]) => [
    names.thing,
    names.outbox,
    seq,
    at,
    channel,
    storableJson(value),
    extra?.alert ?? null,
    textOrNull(extra?.incident),
    extra?.bad ?? null,
    extra?.clock ?? null,
    extra?.stamp ?? null,
  ]);
}

function resultRows({ names, results }: RowsMessage): Cell[][] {
  return results.map(({ seq, at, result }) => [
    names.thing,
    names.outbox,
    seq,
    at,
    result.id,
    result.command ?? null,
    result.status,
    result.reason ?? null,
    textOrNull(result.detail),
    storableJson(result.applied),
  ]);
}

function eventRows({ names, events }: RowsMessage): Cell[][] {
  return events.map(({ seq, at, kind, body }) => [names.thing, names.outbox, seq, at, storableText(kind), storableJson(body)]);
}

function unreadRows({ names, unread }: RowsMessage): Cell[][] {
  return unread.map(({ seq, raw, why }) => [names.thing, names.outbox, seq, storableText(raw), storableText(why)]);
}

async function insert(sql: Sql, statement: string, rows: readonly Cell[][]): Promise<void> {
  const width = rows[0]?.length ?? 0;
  if (width === 0) return;
  const columns: Param[] = Array.from({ length: width }, (_, i) => rows.map((row) => row[i] ?? null));
  await sql.query(statement, columns);
}

function insertion(table: string, columns: readonly Column[]): string {
  const names = columns.map((column) => column.name).join(', ');
  const values = columns.map(({ name, cast }) => (cast ? `n.${name}::${cast}` : `n.${name}`)).join(', ');
  const arrays = columns.map(({ type }, i) => `$${i + 1}::${type}[]`).join(', ');
  return `insert into ${table} (${names}) select ${values} from (
    select distinct on (thing, outbox, seq) * from unnest(${arrays}) with ordinality as given(${names}, nth) order by thing, outbox, seq, nth
  ) as n where not exists (select from ${table} r where r.thing = n.thing and r.outbox = n.outbox and r.seq = n.seq)
  on conflict do nothing`;
}

function text(name: string): Column {
  return { name, type: 'text' };
}

function textOrNull(value: string | undefined): string | null {
  return value === undefined ? null : storableText(value);
}
