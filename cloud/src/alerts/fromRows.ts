// Derives alerts from the robots' rows. The rows that raise and clear an alert may arrive twice, in any order, and through two instances.
// Each row sets its own time, and a time that is set never changes.
import type { Flapping } from '../../../src/wire/index.ts';
import { columnsOf, type Param, type Sql, storableJson, storableText } from '../database/index.ts';
import type { Message, RowsMessage } from '../messages/index.ts';

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
  /** Why the alert could not be read; null if it was. */
  readonly unread: string | null;
}

const NO_CHANGE = {
  value: null,
  raisedAt: null,
  resolvedAt: null,
  occurrences: null,
  flapping: null,
  isVolatile: false,
  unread: null,
} as const;

/** Records the alerts of a batch, also those that could not be read. Their coverage is committed in the same transaction. */
export async function recordAlerts(sql: Sql, messages: readonly Message[], nowMs: number): Promise<void> {
  await recordRead(
    sql,
    messages.filter((message) => message.kind === 'rows'),
  );
  await recordUnread(sql, messages, nowMs);
}

async function recordRead(sql: Sql, messages: readonly RowsMessage[]): Promise<void> {
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
      const raisedAt = Math.max(0, at - (extra.flapping?.ms ?? 0));
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

async function recordUnread(sql: Sql, messages: readonly Message[], nowMs: number): Promise<void> {
  const changes = new Map<string, Change>();
  for (const message of messages) {
    if (message.kind === 'presence' || message.unreadAlerts.length === 0) continue;
    const thing = message.kind === 'rows' ? message.names.thing : (message.alerting ?? (await onlyRobotOf(sql, message.prefix)));
    if (thing === null) continue;
    for (const { channel, incident: given, raisedAt, resolvedAt, reason } of message.unreadAlerts) {
      const incident = storableText(given);
      const key = `${thing}/${incident}`;
      const change = changes.get(key) ?? { ...NO_CHANGE, thing, incident, channel, unread: storableText(reason) };
      const raised = change.raisedAt ?? raisedAt ?? (resolvedAt === null ? nowMs : null);
      changes.set(key, { ...change, raisedAt: raised, resolvedAt: change.resolvedAt ?? resolvedAt });
    }
  }
  if (changes.size > 0) await write(sql, [...changes.values()]);
}

async function onlyRobotOf(sql: Sql, prefix: string | null): Promise<string | null> {
  const [only, another] = await sql.query<{ thing: string }>('select thing from robots where prefix = $1 limit 2', [prefix]);
  return only && !another ? only.thing : null;
}

/** The counts of an alert only grow. */
function latest(known: Flapping | null, given: Flapping | undefined): Flapping | null {
  if (given === undefined) return known;
  return known === null || given.ms >= known.ms ? given : known;
}

/** An alert that was read replaces the same alert that could not be read, in any order. */
async function write(sql: Sql, changes: readonly Change[]): Promise<void> {
  await sql.query(
    `insert into alerts as a (thing, incident, channel, value, raised_at, resolved_at, occurrences, flapping, volatile, unread)
    select n.thing, n.incident, n.channel, n.value::jsonb, n.raised_at, n.resolved_at, n.occurrences, n.flapping::jsonb, n.volatile, n.unread
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::boolean[], $10::text[])
      as n(thing, incident, channel, value, raised_at, resolved_at, occurrences, flapping, volatile, unread)
    order by n.thing, n.incident
    on conflict (thing, incident) do update set
      channel = case when a.unread is null then a.channel else excluded.channel end,
      value = coalesce(a.value, excluded.value),
      raised_at = case when a.unread is null or excluded.unread is not null
        then coalesce(a.raised_at, excluded.raised_at) else coalesce(excluded.raised_at, a.raised_at) end,
      resolved_at = coalesce(a.resolved_at, excluded.resolved_at),
      occurrences = coalesce(a.occurrences, excluded.occurrences),
      flapping = case when a.flapping is null or (excluded.flapping->>'ms')::bigint > (a.flapping->>'ms')::bigint
        then excluded.flapping else a.flapping end,
      volatile = a.volatile or excluded.volatile,
      unread = case when (a.raised_at is not null and a.unread is null) or (excluded.raised_at is not null and excluded.unread is null)
        then null else coalesce(a.unread, excluded.unread) end`,
    columnsOf(
      changes.map(({ thing, incident, channel, value, raisedAt, resolvedAt, occurrences, flapping, isVolatile, unread }) => [
        ...[thing, incident, channel, value, raisedAt, resolvedAt, occurrences],
        ...[flapping === null ? null : JSON.stringify(flapping), isVolatile, unread],
      ]),
    ),
  );
}
