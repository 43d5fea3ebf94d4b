// Alerts from the robot's own rows. The row that raises an alert and the row that clears it may arrive twice, in either order and
// through two instances: each fills in its own time, and a time that is set stays.
import type { Reading } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import { storableJson, storableText } from '../database/index.ts';
import type { OutboxName, RowsMessage } from '../messages/index.ts';

interface Change extends OutboxName {
  readonly incident: string;
  readonly channel: string;
  readonly value: string | null;
  raisedAt: number | null;
  resolvedAt: number | null;
}

/** A cleared alert whose row does not name the incident. */
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
    await sql.query(`update alerts set resolved_at = $3 where thing = $1 and channel = $2 and resolved_at is null and raised_at <= $3`, [
      thing,
      channel,
      at,
    ]);
  }
}

function collect({ thing, outbox }: OutboxName, reading: Reading, changes: Map<string, Change>, ends: NamelessEnd[]): void {
  const [seq, at, channel, value, extra] = reading;
  if (extra?.alert === undefined) return;
  const raised = extra.alert === 'raised';
  if (!raised && extra.incident === undefined) {
    ends.push({ thing, channel, at });
    return;
  }
  const incident = storableText(extra.incident ?? `${outbox}/${seq}`);
  const key = `${thing}/${incident}`;
  const change = changes.get(key) ?? { thing, outbox, incident, channel, value: null, raisedAt: null, resolvedAt: null };
  changes.set(key, {
    ...change,
    value: raised ? storableJson(value) : change.value,
    raisedAt: raised ? (change.raisedAt ?? at) : change.raisedAt,
    resolvedAt: raised ? change.resolvedAt : (change.resolvedAt ?? at),
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
    [
      changes.map(({ thing }) => thing),
      changes.map(({ incident }) => incident),
      changes.map(({ channel }) => channel),
      changes.map(({ value }) => value),
      changes.map(({ raisedAt }) => raisedAt),
      changes.map(({ resolvedAt }) => resolvedAt),
    ],
  );
}
