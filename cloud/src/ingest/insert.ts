// Inserts the rows of a batch, one statement per table. A row never changes, so a second delivery is the same row and is skipped. Stored
// rows are searched by name only, in every month: the primary key of a partitioned table has to include `at`, and a faulty (or forged)
// second delivery may have another time. The search is exact, because a row is only inserted under the lock of its outbox, which the
// batch holds. If a row occurs twice in a batch, the first occurrence is stored.
import { type Range, rangesOf } from '../../../src/wire/index.ts';
import { columnsOf, copyCell, type Sql, storableJson, storableText } from '../database/index.ts';
import type { Message, OutboxName, RowsMessage } from '../messages/index.ts';

type Cell = string | number | boolean | null;

/** Seqs by `thing/outbox`. */
type SeqSets = Map<string, Set<number>>;

/** A range of rows in one outbox: thing, outbox, first seq, last seq. */
export type Span = [thing: string, outbox: string, first: number, last: number];

/** Messages of a source that are stored in an hour. */
const MAX_POISON = 10;
/** Below this number of readings a single INSERT is faster than COPY, because the query for stored rows is another round trip. */
export const BULK_ROWS = 200;
/** Characters in one piece of a COPY. The server stores one piece while the next piece is created. */
const PIECE_CHARACTERS = 64 * 1024;

const NAME = 'thing text, outbox text, seq bigint';
const READING = `${NAME}, at bigint, channel text, value jsonb, alert text, incident text, bad text, clock text, stamp float8, flapping jsonb, volatile boolean`;
const UNREAD = `${NAME}, raw text, unread text`;
const COPY_READINGS = `copy readings (${columnNames(READING).join(', ')}) from stdin`;
const READINGS = insertion('readings', READING);
const RESULTS = insertion('results', `${NAME}, at bigint, id text, command text, status text, reason text, detail text, applied jsonb`);
const EVENTS = insertion('events', `${NAME}, at bigint, kind text, body jsonb`);

export async function insertRows(sql: Sql, messages: readonly RowsMessage[]): Promise<void> {
  const count = messages.reduce((sum, { readings }) => sum + readings.length, 0);
  if (sql.copy && count >= BULK_ROWS) await sql.copy(COPY_READINGS, copyLines(messages, await storedSeqs(sql, messages)));
  else await insert(sql, READINGS, messages.flatMap(readingRows));
  await insert(sql, RESULTS, messages.flatMap(resultRows));
  await insert(sql, EVENTS, messages.flatMap(eventRows));
  for (const message of messages) await insert(sql, insertion(message.unreadTable, UNREAD), unreadRows(message));
}

/** Stores poison messages and readings without a seq, unchanged, with the reason, and counts those of a source that sends too many. */
export async function insertPoison(sql: Sql, messages: readonly Message[]): Promise<void> {
  const rows = messages.flatMap((message) => {
    if (message.kind === 'poison') return [[storableText(message.topic), message.thing, storableText(message.reason), message.payload]];
    if (message.kind === 'presence') return [];
    const topic = storableText(message.topic);
    return message.unnamed.map((raw) => [topic, message.names.thing, 'a reading without a seq', Buffer.from(raw)]);
  });
  if (rows.length === 0) return;
  await sql.query(POISON, [...columnsOf(rows), MAX_POISON]);
}

/** The source is the thing, else the topic prefix. Only the count of messages beyond the bound is stored, without their payload. */
const POISON = `
with given as (
  select n.*, coalesce(n.thing, regexp_replace(n.topic, '/[^/]*$', '')) as source
  from unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) with ordinality as n(topic, thing, reason, payload, nth)
), counted as (
  insert into poison_counts as c (source, hour, count)
  select source, date_trunc('hour', clock_timestamp()), count(*) from given group by source order by source
  on conflict (source, hour) do update set count = c.count + excluded.count returning source, count
)
insert into poison_messages (topic, thing, reason, payload)
select topic, thing, reason, payload from (
  select g.*, c.count - count(*) over (partition by g.source) + row_number() over (partition by g.source order by g.nth) as rank
  from given g join counted c using (source)
) as ranked where rank <= $5 order by nth`;

/** Returns the ranges of rows in these messages. */
export function spansOf(messages: readonly RowsMessage[]): Span[] {
  return messages.flatMap(({ names: { thing, outbox, seqs } }) =>
    rangesOf(seqs).map(([first, last]: Range): Span => [thing, outbox, first, last]),
  );
}

/**
 * Generates lines of COPY's text format. In measurements COPY costs a third of `insert ... on conflict do nothing`, which searches the
 * index twice and writes its log row by row. COPY fails on conflicts, so stored rows are skipped here. The primary key remains as a
 * safeguard.
 */
function* copyLines(messages: readonly RowsMessage[], stored: SeqSets): Generator<string> {
  let piece = '';
  for (const message of messages) {
    const seqs = seqsIn(stored, message.names);
    for (const row of readingRows(message)) {
      const seq = Number(row[2]);
      if (seqs.has(seq)) continue;
      seqs.add(seq);
      piece += `${row.map(copyCell).join('\t')}\n`;
    }
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** Returns the seqs of these messages that `readings` already contains. */
async function storedSeqs(sql: Sql, messages: readonly RowsMessage[]): Promise<SeqSets> {
  const rows = await sql.query<OutboxName & { seq: number }>(
    `select r.thing, r.outbox, r.seq from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as n(thing, outbox, first, last)
    join readings r on r.thing = n.thing and r.outbox = n.outbox and r.seq between n.first and n.last`,
    columnsOf(spansOf(messages)),
  );
  const stored: SeqSets = new Map();
  for (const row of rows) seqsIn(stored, row).add(row.seq);
  return stored;
}

function seqsIn(sets: SeqSets, { thing, outbox }: OutboxName): Set<number> {
  const key = `${thing}/${outbox}`;
  const seqs = sets.get(key) ?? new Set();
  sets.set(key, seqs);
  return seqs;
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
    storableJson(extra?.flapping),
    extra?.volatile ?? null,
  ]);
}

function resultRows({ names, results }: RowsMessage): Cell[][] {
  return results.map(({ seq, at, id, command, status, reason, detail, applied }) => [
    names.thing,
    names.outbox,
    seq,
    at,
    id,
    command ?? null,
    status,
    reason ?? null,
    textOrNull(detail),
    storableJson(applied),
  ]);
}

function eventRows({ names, events }: RowsMessage): Cell[][] {
  return events.map(({ seq, at, kind, body }) => [names.thing, names.outbox, seq, at, storableText(kind), storableJson(body)]);
}

function unreadRows({ names, unread }: RowsMessage): Cell[][] {
  return unread.map(({ seq, raw, reason }) => [names.thing, names.outbox, seq, storableText(raw), storableText(reason)]);
}

async function insert(sql: Sql, statement: string, rows: readonly Cell[][]): Promise<void> {
  if (rows.length > 0) await sql.query(statement, columnsOf(rows));
}

/** @param columns names and types. A jsonb column is passed as text and cast. */
function insertion(table: string, columns: string): string {
  const names = columnNames(columns).join(', ');
  const types = columns.split(', ').map((column) => column.slice(column.indexOf(' ') + 1));
  const values = columnNames(columns).map((name, i) => (types[i] === 'jsonb' ? `n.${name}::jsonb` : `n.${name}`));
  const arrays = types.map((type, i) => `$${i + 1}::${type === 'jsonb' ? 'text' : type}[]`);
  return `insert into ${table} (${names}) select ${values.join(', ')} from (
    select distinct on (thing, outbox, seq) * from unnest(${arrays.join(', ')}) with ordinality as given(${names}, nth)
    order by thing, outbox, seq, nth
  ) as n where not exists (select from ${table} r where r.thing = n.thing and r.outbox = n.outbox and r.seq = n.seq)
  on conflict do nothing`;
}

function columnNames(columns: string): string[] {
  return columns.split(', ').map((column) => column.slice(0, column.indexOf(' ')));
}

function textOrNull(value: string | undefined): string | null {
  return value === undefined ? null : storableText(value);
}
