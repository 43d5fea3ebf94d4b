// Derives alerts from the robots' rows. The rows that raise and clear an alert may arrive twice, in any order, and through two instances.
// Each row sets its own time, and a time that is set never changes.
import type { Flapping } from '../../../src/wire/index.ts';
import { columnsOf, type Param, type Sql, storableJson, storableText } from '../database/index.ts';
import type { RowsMessage } from '../messages/index.ts';

interface Change {
  readonly thing: string;
  readonly incident: string;
  readonly channel: string;
  readonly value: string | null;
  readonly raisedAt: number | null;
  readonly resolvedAt: number | null;
  readonly occurrences: number | null;
  readonly flapping: Flapping | null;
  readonly isVolatile: boolean;
}

const NO_CHANGE = {
  value: null,
  raisedAt: null,
  resolvedAt: null,
  occurrences: null,
  flapping: null,
  isVolatile: false,
} as const;

export async function recordAlerts(sql: Sql, messages: readonly RowsMessage[]): Promise<void> {
  const changes = new Map<string, Change>();
  /** Cleared alerts without an incident. They end every open alert of their channel. */
  const ends: Param[][] = [];
  for (const { names, readings } of messages.filter(({ alert }) => alert)) {
    const { thing, outbox } = names;
    for (const [seq, at, channel, value, extra] of readings) {
      if (extra?.alert === undefined) continue;
      const isRaised = extra.alert === 'raised';
      if (!isRaised && extra.incident === undefined) {
        ends.push([thing, channel, at]);
        continue;
      }
      const incident = storableText(extra.incident ?? `${outbox}/${seq}`);
      const key = `${thing}/${incident}`;
      const change = changes.get(key) ?? { ...NO_CHANGE, thing, incident, channel };
      // A summary of a flapping alert is later than the row that raised it, which may arrive after it.
      const raisedAt = at - (extra.flapping?.ms ?? 0);
      const step = isRaised
        ? { value: change.value ?? storableJson(value), raisedAt: change.raisedAt ?? raisedAt }
        : { resolvedAt: change.resolvedAt ?? at, occurrences: change.occurrences ?? extra.occurrences ?? null };
      const isVolatile = change.isVolatile || extra.volatile === true;
      changes.set(key, { ...change, ...step, flapping: latest(change.flapping, extra.flapping), isVolatile });
    }
  }
  if (changes.size > 0) await write(sql, [...changes.values()]);
  for (const end of ends) {
    await sql.query(
      'update alerts set resolved_at = $3 where thing = $1 and channel = $2 and resolved_at is null and raised_at <= $3',
      end,
    );
  }
}

/** The counts of an alert only grow. */
function latest(known: Flapping | null, given: Flapping | undefined): Flapping | null {
  if (given === undefined) return known;
  return known === null || given.ms >= known.ms ? given : known;
}

async function write(sql: Sql, changes: readonly Change[]): Promise<void> {
  await sql.query(
    `insert into alerts as a (thing, incident, channel, value, raised_at, resolved_at, occurrences, flapping, volatile)
    select n.thing, n.incident, n.channel, n.value::jsonb, n.raised_at, n.resolved_at, n.occurrences, n.flapping::jsonb, n.volatile
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::boolean[])
      as n(thing, incident, channel, value, raised_at, resolved_at, occurrences, flapping, volatile)
    order by n.thing, n.incident
    on conflict (thing, incident) do update set
      value = coalesce(a.value, excluded.value),
      raised_at = coalesce(a.raised_at, excluded.raised_at),
      resolved_at = coalesce(a.resolved_at, excluded.resolved_at),
      occurrences = coalesce(a.occurrences, excluded.occurrences),
      flapping = case when a.flapping is null or (excluded.flapping->>'ms')::bigint > (a.flapping->>'ms')::bigint
        then excluded.flapping else a.flapping end,
      volatile = a.volatile or excluded.volatile`,
    columnsOf(
      changes.map(({ thing, incident, channel, value, raisedAt, resolvedAt, occurrences, flapping, isVolatile }) => [
        ...[thing, incident, channel, value, raisedAt, resolvedAt, occurrences],
        ...[flapping === null ? null : JSON.stringify(flapping), isVolatile],
      ]),
    ),
  );
}
