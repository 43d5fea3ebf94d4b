// Derives alerts from the robots' rows. The rows that raise and clear an alert may arrive twice, in any order, and through two instances.
// Each row sets its own time, and a time that is set never changes.
import type { Reading } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import { columnsOf, storableJson, storableText } from '../database/index.ts';
import type { OutboxName, RowsMessage } from '../messages/index.ts';

interface Change {
  readonly thing: string;
  readonly incident: string;
  readonly channel: string;
  readonly value: string | null;
  readonly raisedAt: number | null;
  readonly resolvedAt: number | null;
}

/** The end of an alert from a row without an incident. */
interface NamelessEnd {
  readonly thing: string;
  readonly channel: string;
  readonly at: number;
}

export async function recordAlerts(sql: Sql, messages: readonly RowsMessage[]): Promise<void> {
  const changes = new Map<string, Change>();
  const ends: NamelessEnd[] = [];
  for (const { names, readings } of messages.filter(({ alert }) => alert)) {
    for (const reading of readings) collect(names, reading, changes, ends);
  }
  if (changes.size > 0) await write(sql, [...changes.values()]);
  for (const { thing, channel, at } of ends) {
    await sql.query('update alerts set resolved_at = $3 where thing = $1 and channel = $2 and resolved_at is null and raised_at <= $3', [
      thing,
      channel,
      at,
    ]);
  }
}

function collect({ thing, outbox }: OutboxName, reading: Reading, changes: Map<string, Change>, ends: NamelessEnd[]): void {
  const [seq, at, channel, value, extra] = reading;
  if (extra?.alert === undefined) return;
  const isRaised = extra.alert === 'raised';
  if (!isRaised && extra.incident === undefined) {
    ends.push({ thing, channel, at });
    return;
  }
  const incident = storableText(extra.incident ?? `${outbox}/${seq}`);
  const key = `${thing}/${incident}`;
  const change = changes.get(key) ?? { thing, incident, channel, value: null, raisedAt: null, resolvedAt: null };
  changes.set(key, {
    ...change,
    ...(isRaised ? { value: storableJson(value), raisedAt: change.raisedAt ?? at } : { resolvedAt: change.resolvedAt ?? at }),
  });
}

async function write(sql: Sql, changes: readonly Change[]): Promise<void> {
  await sql.query(
    `insert into alerts as a (thing, incident, channel, value, raised_at, resolved_at)
    select n.thing, n.incident, n.channel, n.value::jsonb, n.raised_at, n.resolved_at
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
      as n(thing, incident, channel, value, raised_at, resolved_at)
    order by n.thing, n.incident
    on conflict (thing, incident) do update set
      value = coalesce(a.value, excluded.value),
      raised_at = coalesce(a.raised_at, excluded.raised_at),
      resolved_at = coalesce(a.resolved_at, excluded.resolved_at)`,
    columnsOf(changes.map((change) => [change.thing, change.incident, change.channel, change.value, change.raisedAt, change.resolvedAt])),
  );
}
