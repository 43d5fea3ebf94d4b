// Inserts many readings by COPY. Measured, it costs a third of `insert ... on conflict do nothing`, which searches the index twice and
// writes its log row by row. COPY fails on conflicts, so the stored rows are queried first. That is exact, because a row is only inserted
// under the lock of its outbox, which the batch holds; the primary key remains as a safeguard.
import { type Range, rangesOf } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import { copyCell } from '../database/index.ts';
import type { RowsMessage } from '../messages/index.ts';

/** Below this number a single statement is faster, because the query is another round trip. */
export const BULK_ROWS = 200;
/** Size of one piece. The server stores one piece while the next is made. */
const PIECE_CHARACTERS = 64 * 1024;

export type Cell = string | number | null;

interface Span {
  readonly thing: string;
  readonly outbox: string;
  readonly range: Range;
}

/** @param rowsOf the cells of each reading of a message, in the order of the statement's columns, the seq third. */
export async function copyReadings(
  copy: NonNullable<Sql['copy']>,
  sql: Sql,
  statement: string,
  messages: readonly RowsMessage[],
  rowsOf: (message: RowsMessage) => Cell[][],
): Promise<void> {
  const held = await heldSeqs(sql, messages);
  await copy(statement, linesOf(messages, held, rowsOf));
}

/** If a row occurs twice in a batch, the first counts, as everywhere. */
function* linesOf(
  messages: readonly RowsMessage[],
  held: Map<string, Set<number>>,
  rowsOf: (message: RowsMessage) => Cell[][],
): Generator<string> {
  let piece = '';
  for (const message of messages) {
    const seqs = seqsIn(held, message.names.thing, message.names.outbox);
    for (const row of rowsOf(message)) {
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

/** The seqs that the messages name and the table already has, by outbox. */
async function heldSeqs(sql: Sql, messages: readonly RowsMessage[]): Promise<Map<string, Set<number>>> {
  const spans = messages.flatMap(({ names: { thing, outbox, seqs } }) => rangesOf(seqs).map((range): Span => ({ thing, outbox, range })));
  const rows = await sql.query<{ thing: string; outbox: string; seq: number }>(
    `select r.thing, r.outbox, r.seq from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as n(thing, outbox, first, last)
    join readings r on r.thing = n.thing and r.outbox = n.outbox and r.seq between n.first and n.last`,
    [
      spans.map(({ thing }) => thing),
      spans.map(({ outbox }) => outbox),
      spans.map(({ range }) => range[0]),
      spans.map(({ range }) => range[1]),
    ],
  );
  const held = new Map<string, Set<number>>();
  for (const { thing, outbox, seq } of rows) seqsIn(held, thing, outbox).add(seq);
  return held;
}

function seqsIn(held: Map<string, Set<number>>, thing: string, outbox: string): Set<number> {
  const key = `${thing}/${outbox}`;
  const seqs = held.get(key) ?? new Set();
  held.set(key, seqs);
  return seqs;
}
