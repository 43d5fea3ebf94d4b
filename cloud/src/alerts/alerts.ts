// Reads alerts and records that members saw and acknowledged them. Only the first view and the first acknowledgement of an alert count,
// over all instances.
import { z } from 'zod';
import { flapping } from '../../../src/wire/index.ts';
import type { Database, Sql } from '../database/index.ts';

const id = z.number().int();
const time = z.number().int();

/** Times are milliseconds since 1970. */
export const alert = z.object({
  id,
  thing: z.string(),
  incident: z.string(),
  channel: z.string().describe('The channel that raised it, or robot_silent or robot_storage'),
  value: z.unknown(),
  /** The latest state. `raised` exists only on the robot, before the row arrives. */
  state: z.enum(['committed', 'seen', 'acknowledged', 'resolved']),
  raised_at: time.nullable(),
  committed_at: time,
  seen_at: time.nullable(),
  acknowledged_at: time.nullable(),
  acknowledged_by: id.nullable(),
  resolved_at: time.nullable(),
  occurrences: z
    .number()
    .int()
    .nullable()
    .describe('How often an event happened while its alert stood; null while it stands, and for other alerts'),
  flapping: flapping
    .nullable()
    .describe('How often a flapping alert was raised again and cleared since it was raised, within ms; null for other alerts'),
  volatile: z.boolean().describe('Whether the robot could not write the alert to its disk'),
  unread: z.string().nullable().describe('Why the cloud could not read the alert, which it raised all the same; null for all others'),
  /** The users who saw the alert, each with the time of their first view. */
  seen_by: z.array(z.object({ user_id: id, at: time })),
});
export type Alert = z.infer<typeof alert>;

export interface AlertQuery {
  readonly thing: string;
  readonly limit: number;
  /** Returns only alerts that are older than this alert id. Null starts at the newest alert. */
  readonly before?: number | null;
}

/** Columns of an {@link Alert}, from the table `alerts` as `a`. */
export const ALERT_COLUMNS = `a.id, a.thing, a.incident, a.channel, a.value, a.state, a.raised_at, a.resolved_at, a.occurrences, a.flapping, a.volatile, a.unread,
  a.acknowledged_by,
  (extract(epoch from a.committed_at) * 1000)::bigint as committed_at,
  (extract(epoch from a.seen_at) * 1000)::bigint as seen_at,
  (extract(epoch from a.acknowledged_at) * 1000)::bigint as acknowledged_at,
  coalesce((
    select jsonb_agg(jsonb_build_object('user_id', v.user_id, 'at', (extract(epoch from v.seen_at) * 1000)::bigint) order by v.seen_at)
    from alert_views v where v.alert_id = a.id), '[]') as seen_by`;

/** @returns a page of alerts, newest first. */
export function listAlerts(sql: Sql, { thing, limit, before = null }: AlertQuery): Promise<Alert[]> {
  return sql.query<Alert>(
    `select ${ALERT_COLUMNS} from alerts a where a.thing = $1 and ($2::bigint is null or a.id < $2) order by a.id desc limit $3`,
    [thing, before, limit],
  );
}

export async function readAlert(sql: Sql, id: number): Promise<Alert | null> {
  const [alert] = await readAlerts(sql, [id]);
  return alert ?? null;
}

/** @returns the alerts with these ids, newest first. */
export function readAlerts(sql: Sql, ids: readonly number[]): Promise<Alert[]> {
  return sql.query<Alert>(`select ${ALERT_COLUMNS} from alerts a where a.id = any($1::bigint[]) order by a.id desc`, [ids]);
}

/** Records that `userId` has seen these alerts, each in a transaction of its own. @returns whether this is the first view of any of them. */
export async function markSeen(sql: Sql, ids: readonly number[], userId: number): Promise<boolean> {
  let isFirst = false;
  for (const id of ids) isFirst = (await recordView(sql, id, userId)) || isFirst;
  return isFirst;
}

/** Acknowledges an alert and records that the user has seen it. @returns the alert, or null if this robot has no alert with that id. */
export async function acknowledgeAlert(db: Database, thing: string, id: number, userId: number): Promise<Alert | null> {
  return db.transaction(async (sql) => {
    const alert = await readAlert(sql, id);
    if (alert?.thing !== thing) return null;
    await recordView(sql, id, userId);
    await sql.query(
      `update alerts set acknowledged_at = clock_timestamp(), acknowledged_by = $2 where id = $1 and acknowledged_at is null`,
      [id, userId],
    );
    return readAlert(sql, id);
  });
}

/** Locks the alert before anything else. No transaction of a request locks two alerts, so requests cannot deadlock with each other or the ingest. */
async function recordView(sql: Sql, id: number, userId: number): Promise<boolean> {
  const first = await sql.query(
    `with held as (select id from alerts where id = $1 for no key update), viewed as (
      insert into alert_views (alert_id, user_id) select id, $2 from held on conflict do nothing returning seen_at)
    update alerts a set seen_at = v.seen_at from viewed v where a.id = $1 and a.seen_at is null returning a.id`,
    [id, userId],
  );
  return first.length > 0;
}
