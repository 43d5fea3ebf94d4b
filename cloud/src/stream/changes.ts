// The statement that reads the changes of robots, each since a moment of its own, as text for a stream. A moment is a snapshot of the
// database: a row is new if the snapshot does not contain the transaction that wrote it. A number or a time would not work, because a later
// commit may have a smaller number.
import { ALERT_COLUMNS } from '../alerts/index.ts';

/** Limit for the number of alerts and of results. The newest are returned. */
export const MAX_CHANGES = 200;

/** `EPOCH/SNAPSHOT`: PostgreSQL's `pg_snapshot` as text. Each restore into another cluster begins an epoch. The epoch 0 is left out. */
export type Moment = string;

const MOMENT = /^(?:[1-9]\d{0,8}\/)?(\d{1,19}:\d{1,19}:(?:\d{1,19}(?:,\d{1,19})*)?)$/;
const MAX_MOMENT_CHARACTERS = 4_000;

export interface Changes {
  readonly moment: Moment;
  /** Server-sent events without an id: alerts in their current state and results, oldest first, then the state. Empty without changes. */
  readonly events: string;
  /** The ids of the users who may see the robot. */
  readonly members: readonly number[];
}

/** @returns null if the text is not a moment that PostgreSQL accepts. */
export function momentFrom(text: unknown): Moment | null {
  if (typeof text !== 'string' || text.length > MAX_MOMENT_CHARACTERS) return null;
  const [, snapshot] = MOMENT.exec(text) ?? [];
  if (snapshot === undefined) return null;
  const [first = 0n, end = 0n, ...running] = snapshot.split(/[:,]/, -1).filter(Boolean).map(BigInt);
  const isOrdered = [first, ...running].every((id, i, ids) => i === 0 || (ids[i - 1] ?? 0n) <= id);
  return first > 0n && first <= end && isOrdered && (running.at(-1) ?? 0n) < end ? text : null;
}

const event = (name: string, row: string): string => `'event: ${name}\ndata: ' || row_to_json(${row}) || '\n\n'`;
const columns = (list: string): string => `(select c from (select ${list}) as c)`;
/** Transactions that this database has not begun wrote their rows before a restore. */
const isNew = (xid: string): string =>
  `${xid} >= pg_snapshot_xmin(s) and ${xid} < pg_snapshot_xmax(pg_current_snapshot()) and not pg_visible_in_snapshot(${xid}, s)`;

/**
 * $1: robots, $2: their moments, $3: the limit. A moment of null reads the current state and the open alerts. So does a moment of another
 * epoch, or one that is ahead of the database, because a backup was restored after it; the stream then tells of a gap. Each branch has its own
 * index and reads the newest changes first, so a look costs no more with a long history or an old moment.
 */
export const CHANGES = `
select w.n, case when epoch > 0 then epoch || '/' else '' end || pg_current_snapshot() as moment,
  (select coalesce(jsonb_agg(m.user_id), '[]') from members m where m.thing = w.thing) as members,
  concat(
    case when (s is null and w.since is not null) or cardinality(ids) > $3 or results.n > $3 then
      ${event('gap', columns("w.thing, 'some events were left out: GET /alerts' as text"))} end,
    (select string_agg(${event('alert', 'j')}, '' order by j.id) from (select ${ALERT_COLUMNS} from alerts a where a.id = any(ids[1:$3])) as j),
    results.events,
    (select ${event('state', columns('r.thing, r.state'))} from robots r
      where r.thing = w.thing and r.state_seq is not null and (s is null or ${isNew('r.state_xid')}))
  ) as events
from unnest($1::text[], $2::text[]) with ordinality as w(thing, since, n)
cross join (select coalesce((select epoch from database_origin limit 1), 0) as epoch) as origin
cross join lateral (
  select regexp_replace(w.since, '^\\d+/', '')::pg_snapshot as given, coalesce(substring(w.since from '^(\\d+)/'), '0')::int as given_epoch
  offset 0) as given
cross join lateral (
  select case when given_epoch = epoch and pg_snapshot_xmax(given) <= pg_snapshot_xmax(pg_current_snapshot()) then given end as s
  offset 0) as since
cross join lateral (select array(
  select a.id from alerts a where s is null and a.thing = w.thing and a.resolved_at is null
  union all
  (select a.id from alerts a where a.thing = w.thing and ${isNew('a.changed_xid')} order by a.changed_xid desc limit $3 + 1)
  order by id desc limit $3 + 1) as ids offset 0) as newest
cross join lateral (
  select count(*) as n, string_agg(${event('result', columns('thing, id, command, status, reason, detail, applied, at'))}, '' order by place desc)
    filter (where place <= $3) as events
  from (
    select n.*, row_number() over (order by n.received_at desc, n.seq desc) as place from (
      select * from results r where r.thing = w.thing and r.id is not null and ${isNew('r.stored_xid')}
      order by r.stored_xid desc limit $3 + 1) as n) as r) as results`;
