// What is new of a robot since a moment, where a moment is a snapshot of the database: a row is new if the transaction that wrote it
// is not in that snapshot. A number or a time could not say it: what commits later may have the smaller one.
import { type Alert, readAlerts } from '../alerts/index.ts';
import { type Database, refusesData } from '../database/index.ts';
import type { StateValues } from '../robots/index.ts';

/** More than this of one kind is not sent one by one. */
export const MOST = 200;

/** PostgreSQL's `pg_snapshot` as text. */
export type Moment = string;

const MOMENT = /^\d{1,19}:\d{1,19}:(\d{1,19}(,\d{1,19})*)?$/;
const MAX_MOMENT_CHARACTERS = 4_000;

export interface ResultChange {
  readonly id: string;
  readonly command: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly applied: unknown;
  readonly at: number;
}

export interface Changes {
  readonly moment: Moment;
  /** All channels; null: as it was. */
  readonly state: StateValues | null;
  /** As they are now, oldest first. */
  readonly alerts: readonly Alert[];
  readonly results: readonly ResultChange[];
  /** There was more than {@link MOST} of a kind, and only the newest are here. */
  readonly more: boolean;
}

interface Row {
  readonly moment: Moment;
  readonly state: StateValues | null;
  readonly alerts: readonly number[];
  readonly results: readonly ResultChange[];
}

/** @returns null for what can be none. */
export function snapshotFrom(text: unknown): Moment | null {
  return typeof text === 'string' && text.length <= MAX_MOMENT_CHARACTERS && MOMENT.test(text) ? text : null;
}

/** @param since null, or no moment after all: as it stands, which is the state and the alerts that are not over. */
export async function readChanges(db: Database, thing: string, since: Moment | null): Promise<Changes> {
  const row = await read(db, thing, since).catch((error: unknown) => {
    if (since === null || !refusesData(error)) throw error;
    return read(db, thing, null);
  });
  const alerts = await readAlerts(db, row.alerts.slice(0, MOST));
  return {
    moment: row.moment,
    state: row.state,
    alerts: alerts.toReversed(),
    results: row.results.slice(0, MOST).toReversed(),
    more: row.alerts.length > MOST || row.results.length > MOST,
  };
}

async function read(db: Database, thing: string, since: Moment | null): Promise<Row> {
  const [row] = await db.query<Row>(CHANGES, [thing, since, MOST + 1]);
  if (!row) throw new Error('the database gave back no row');
  return row;
}

/** A moment ahead of the database's own is of one that was restored since: then all is told anew. */
const CHANGES = `
with since as materialized (
  select case when pg_snapshot_xmax(g.s) <= pg_snapshot_xmax(pg_current_snapshot()) then g.s end as s
  from (select $2::text::pg_snapshot as s) as g
)
select pg_current_snapshot()::text as moment,
  (select r.state from robots r where r.thing = $1 and r.state_seq is not null
    and (s is null or not pg_visible_in_snapshot(r.state_xid, s))) as state,
  coalesce((select jsonb_agg(n.id) from (
    select a.id from alerts a where a.thing = $1 and (s is not null or a.resolved_at is null)
      and (s is null or a.changed_xid >= pg_snapshot_xmin(s) and not pg_visible_in_snapshot(a.changed_xid, s))
    order by a.id desc limit $3) as n), '[]') as alerts,
  coalesce((select jsonb_agg(to_jsonb(n) - 'outbox' - 'seq') from (
    select r.id, r.command, r.status, r.reason, r.detail, r.applied, r.at, r.outbox, r.seq from results r
    where s is not null and r.thing = $1 and r.id is not null
      and r.stored_xid >= pg_snapshot_xmin(s) and not pg_visible_in_snapshot(r.stored_xid, s)
    order by r.received_at desc, r.seq desc limit $3) as n), '[]') as results
from since`;
