// Derives alerts from the robots' rows. The rows that raise and clear an alert may arrive twice, in any order, and through two instances.
// Each row sets its own time, and a time that is set never changes.
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
}

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
      const change = changes.get(key) ?? { thing, incident, channel, value: null, raisedAt: null, resolvedAt: null, occurrences: null };
      const step = isRaised
        ? { value: storableJson(value), raisedAt: change.raisedAt ?? at }
        : { resolvedAt: change.resolvedAt ?? at, occurrences: change.occurrences ?? extra.occurrences ?? null };
      changes.set(key, { ...change, ...step });
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

async function write(sql: Sql, changes: readonly Change[]): Promise<void> {
  await sql.query(
    `insert into alerts as a (thing, incident, channel, value, raised_at, resolved_at, occurrences)
    select n.thing, n.incident, n.channel, n.value::jsonb, n.raised_at, n.resolved_at, n.occurrences
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
      as n(thing, incident, channel, value, raised_at, resolved_at, occurrences)
    order by n.thing, n.incident
    on conflict (thing, incident) do update set
      value = coalesce(a.value, excluded.value),
      raised_at = coalesce(a.raised_at, excluded.raised_at),
      resolved_at = coalesce(a.resolved_at, excluded.resolved_at),
      occurrences = coalesce(a.occurrences, excluded.occurrences)`,
    columnsOf(
      changes.map(({ thing, incident, channel, value, raisedAt, resolvedAt, occurrences }) => [
        thing,
        incident,
        channel,
        value,
        raisedAt,
        resolvedAt,
        occurrences,
      ]),
    ),
  );
}
