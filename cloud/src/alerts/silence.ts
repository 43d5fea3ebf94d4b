// Raises `robot_silent` for a robot that was not heard for longer than it may be, and resolves it when it is heard again. All it
// knows is in the database, so a restart forgets nothing; one instance acts at a time, by the row lock of `watch`. While nobody
// listened, because all instances or the database were away, no robot is called silent: its silence counts from the return.
import type { Database, Sql } from '../database/database.ts';

export const ROBOT_SILENT = 'robot_silent';

/** So many of its own intervals may be silent: one message may be late, or lost and sent again. */
const INTERVALS = 2;
/** A robot that speaks more rarely than this (ms) is a silent one, whatever it says of itself. */
const MAX_EVERY_MS = 86_400_000;

/** Looks further apart than this (ms) mean that nobody listened in between. */
export const GAP_MS = 120_000;

export interface SilenceChange {
  readonly id: number;
  readonly thing: string;
  readonly raised: boolean;
}

/**
 * Called every few seconds by an instance that is subscribed at the broker; one that is not can't know who is silent.
 * @param afterMs how long a robot may be silent that has no `silent_after_ms` of its own; 0: for ever. One that says that it speaks more
 * rarely may be silent for longer.
 */
export async function checkSilence(db: Database, afterMs: number): Promise<SilenceChange[]> {
  return db.transaction(async (sql) => {
    const [watch] = await sql.query<{ since: string }>(
      `update watch set checked_at = clock_timestamp(),
        listening_since = case when clock_timestamp() - checked_at > $1 * interval '1 ms' then clock_timestamp() else listening_since end
      returning listening_since::text as since`,
      [GAP_MS],
    );
    const resolved = await sql.query<{ id: number; thing: string }>(
      `update alerts a set resolved_at = (extract(epoch from r.last_heard_at) * 1000)::bigint from robots r
      where a.channel = $1 and a.resolved_at is null and r.thing = a.thing
        and r.last_heard_at > to_timestamp(a.raised_at / 1000.0) returning a.id, a.thing`,
      [ROBOT_SILENT],
    );
    const raised = await sql.query<{ id: number; thing: string }>(
      `insert into alerts (thing, incident, channel, value, raised_at)
      select r.thing, $1 || '/' || (extract(epoch from r.last_heard_at) * 1000)::bigint, $1,
        jsonb_build_object('last_heard_at', (extract(epoch from r.last_heard_at) * 1000)::bigint, 'online', r.online, 'reason', r.reason),
        (extract(epoch from clock_timestamp()) * 1000)::bigint
      from robots r cross join lateral (select coalesce(r.silent_after_ms, $2::bigint) as after_ms) as may
      where may.after_ms > 0 and clock_timestamp() - greatest(r.last_heard_at, $3::timestamptz)
        > greatest(may.after_ms, least(coalesce(r.telemetry_every_ms, 0), $4::bigint) * $5::bigint) * interval '1 ms'
      order by r.thing
      on conflict (thing, incident) do nothing returning id, thing`,
      [ROBOT_SILENT, afterMs, watch?.since ?? null, MAX_EVERY_MS, INTERVALS],
    );
    return [...resolved.map((row) => ({ ...row, raised: false })), ...raised.map((row) => ({ ...row, raised: true }))];
  });
}

/** @param afterMs how long this robot may be silent; 0: for ever; null: as long as any other. @returns false where it is unknown. */
export async function setSilence(sql: Sql, thing: string, afterMs: number | null): Promise<boolean> {
  const rows = await sql.query('update robots set silent_after_ms = $2 where thing = $1 returning thing', [thing, afterMs]);
  return rows.length > 0;
}
