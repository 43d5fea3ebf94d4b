// Reads the changes of a robot since a moment. A moment is a snapshot of the database: a row is new if the snapshot does not contain the
// transaction that wrote it. A number or a time would not work, because a later commit may have a smaller number.
import { type Alert, readAlerts } from '../alerts/index.ts';
import { type Database, refusesData } from '../database/index.ts';
import type { StateValues } from '../robots/index.ts';

/** Limit for the number of alerts and of results. The newest are returned. */
const MAX_CHANGES = 200;

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
  /** All channels; null if the state did not change. */
  readonly state: StateValues | null;
  /** The alerts in their current state, oldest first. */
  readonly alerts: readonly Alert[];
  readonly results: readonly ResultChange[];
  /** Whether changes beyond the limit are missing. */
  readonly isTruncated: boolean;
}

interface Row extends Pick<Changes, 'moment' | 'state' | 'results'> {
  readonly alerts: readonly number[];
}

/** @returns null if the text is not a moment. */
export function momentFrom(text: unknown): Moment | null {
  return typeof text === 'string' && text.length <= MAX_MOMENT_CHARACTERS && MOMENT.test(text) ? text : null;
}

/** @param since null reads the current state and the open alerts. So does a moment that the database refuses. */
export async function readChanges(db: Database, thing: string, since: Moment | null): Promise<Changes> {
  const row = await read(db, thing, since).catch((error: unknown) => {
    if (since === null || !refusesData(error)) throw error;
    return read(db, thing, null);
  });
  const alerts = await readAlerts(db, row.alerts.slice(0, MAX_CHANGES));
  return {
    moment: row.moment,
    state: row.state,
    alerts: alerts.toReversed(),
    results: row.results.slice(0, MAX_CHANGES).toReversed(),
    isTruncated: row.alerts.length > MAX_CHANGES || row.results.length > MAX_CHANGES,
  };
}

async function read(db: Database, thing: string, since: Moment | null): Promise<Row> {
  const [row] = await db.query<Row>(CHANGES, [thing, since, MAX_CHANGES + 1]);
  if (!row) throw new Error('the database returned no row');
  return row;
}

/** If a moment is ahead of the database, a backup was restored after it. The moment is ignored, as if `since` were null. */
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
