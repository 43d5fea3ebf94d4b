// Corrects the times of rows after a robot's clock was set. The time of the row stays as it is; the corrected time has its own column,
// for stored rows and for rows that arrive later.

import { MAX_BELIEVED_MS, normalize, type Range } from '../../../src/wire/index.ts';
import { columnsOf, type Sql } from '../database/index.ts';
import { type OutboxName, ROW_TABLES, type RowsMessage } from '../messages/index.ts';
import { multirange } from '../receipts/index.ts';
import { type Span, spansOf } from './insert.ts';

/** @param corrected outboxes of this batch that have corrections, from this batch or an earlier batch. */
export async function correctTimes(sql: Sql, messages: readonly RowsMessage[], corrected: readonly OutboxName[]): Promise<void> {
  if (corrected.length === 0) return;
  const keys = new Set(corrected.map(({ thing, outbox }) => `${thing}/${outbox}`));
  const arrived = spansOf(messages.filter(({ names }) => keys.has(`${names.thing}/${names.outbox}`)));
  const spans = [...(await insertCorrections(sql, messages)), ...arrived];
  if (spans.length === 0) return;
  const params = columnsOf(spans);
  for (const table of ROW_TABLES) await sql.query(correction(table), params);
  await sql.query(ALERTS, params);
}

/** @returns the rows that these corrections name. */
async function insertCorrections(sql: Sql, messages: readonly RowsMessage[]): Promise<Span[]> {
  const spans: Span[] = [];
  for (const { names, events } of messages) {
    for (const { seq, known } of events) {
      if (known?.kind !== 'clock_set') continue;
      const ranges = normalize(known.ranges as Range[]);
      await sql.query(
        `insert into clock_corrections (thing, event_outbox, event_seq, outbox, boot, seqs, offset_ms)
        values ($1, $2, $3, $4, $5, $6::text::int8multirange, $7) on conflict do nothing`,
        [names.thing, names.outbox, seq, known.of, known.boot, multirange(ranges), known.offset_ms],
      );
      spans.push(...ranges.map(([first, last]): Span => [names.thing, known.of, first, last]));
    }
  }
  return spans;
}

/**
 * If two corrections name a row, the later correction counts, because each offset is relative to the row's own time. An offset that leads
 * to an impossible time counts for nothing.
 */
function correction(table: string): string {
  return `
update ${table} as r set corrected_at = late.at from (
  select distinct on (r.thing, r.outbox, r.seq) r.thing, r.outbox, r.seq, r.at + c.offset_ms as at
  from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as n(thing, outbox, first, last)
  join ${table} r on r.thing = n.thing and r.outbox = n.outbox and r.seq between n.first and n.last
  join clock_corrections c on c.thing = r.thing and c.outbox = r.outbox and c.seqs @> r.seq
    and r.at + c.offset_ms between 0 and ${MAX_BELIEVED_MS}
  order by r.thing, r.outbox, r.seq, c.id desc
) as late
where r.thing = late.thing and r.outbox = late.outbox and r.seq = late.seq and r.corrected_at is distinct from late.at`;
}

/** Copies the corrected times to the alerts that these rows raised or cleared. A summary of a flapping alert did neither. */
const ALERTS = `
update alerts as a set raised_at = coalesce(late.raised, a.raised_at), resolved_at = coalesce(late.cleared, a.resolved_at) from (
  select r.thing, coalesce(r.incident, r.outbox || '/' || r.seq) as incident,
    max(r.corrected_at) filter (where r.alert = 'raised' and (r.flapping is null or r.flapping->>'raised' = '0')) as raised,
    max(r.corrected_at) filter (where r.alert = 'cleared') as cleared
  from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as n(thing, outbox, first, last)
  join readings r on r.thing = n.thing and r.outbox = n.outbox and r.seq between n.first and n.last
  where r.alert is not null and r.corrected_at is not null
  group by 1, 2
) as late
where a.thing = late.thing and a.incident = late.incident`;
