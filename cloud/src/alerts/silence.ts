// Raises `robot_silent` if nothing arrives from a robot for longer than its limit, and resolves the alert when the robot sends again. All
// state is in the database, so it survives a restart. The row lock of `watch` lets only one instance check at a time. While no instance
// receives messages (all instances or the database are down), no robot is treated as silent, and silence is counted from the time at which
// an instance is back.
import type { Power } from '../../../src/wire/index.ts';
import type { Database, Sql } from '../database/index.ts';

export const ROBOT_SILENT = 'robot_silent';

/** A robot may be silent for this many of its own intervals, because one message may be late or lost and repeated. */
const INTERVALS = 2;
/** Upper limit (ms) for the interval that a robot announces. */
const MAX_EVERY_MS = 86_400_000;

/** Number of newest rows of a robot that are searched for a battery reading. */
const LAST_ROWS = 20_000;

/** If the last check is longer ago than this (ms), no instance was receiving messages in between. */
export const GAP_MS = 120_000;

/** A robot that is silent for too long and has no alert yet. */
interface SilentRobot {
  readonly thing: string;
  readonly incident: string;
  readonly last_heard_at: number;
  readonly online: boolean;
  /** The reason from the last presence, such as `stopped`; null if it had no reason. */
  readonly reason: string | null;
  /** Null if unknown, for example for a robot without a battery or with an older version. */
  readonly power: Power | null;
  /** The last reading of the battery, which may be later than `power`. */
  readonly battery: { readonly percent: number; readonly at: number } | null;
}

export interface SilenceChange {
  readonly id: number;
  readonly thing: string;
  readonly raised: boolean;
}

/**
 * Raises and resolves the alerts. Call this every few seconds, and only while subscribed to the broker: an instance that receives no
 * messages cannot know which robots are silent.
 * @param afterMs the limit for robots without their own `silent_after_ms`; 0 means no limit. A robot that announces a longer telemetry
 * interval may be silent for longer.
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
    const silent = await sql.query<SilentRobot>(
      `select r.thing, heard.incident, heard.at as last_heard_at, r.online, r.reason, r.power, b.battery
      from robots r cross join lateral (select coalesce(r.silent_after_ms, $2::bigint) as after_ms) as may
      cross join lateral (select (extract(epoch from r.last_heard_at) * 1000)::bigint as ms) as last
      cross join lateral (select last.ms as at, $1 || '/' || last.ms as incident) as heard
      left join lateral (
        select jsonb_build_object('percent', n.value, 'at', coalesce(n.corrected_at, n.at)) as battery from readings n
        where n.thing = r.thing and n.outbox = r.state_outbox and n.seq > r.state_seq - $6::bigint
          and n.channel = 'battery' and jsonb_typeof(n.value) = 'number'
        order by n.seq desc limit 1) as b on true
      where may.after_ms > 0 and clock_timestamp() - greatest(r.last_heard_at, $3::timestamptz)
        > greatest(may.after_ms, least(coalesce(r.telemetry_every_ms, 0), $4::bigint) * $5::bigint) * interval '1 ms'
        and not exists (select from alerts a where a.thing = r.thing and a.incident = heard.incident)
      order by r.thing`,
      [ROBOT_SILENT, afterMs, watch?.since ?? null, MAX_EVERY_MS, INTERVALS, LAST_ROWS],
    );
    const raised = silent.length === 0 ? [] : await raise(sql, silent);
    return [...resolved.map((row) => ({ ...row, raised: false })), ...raised.map((row) => ({ ...row, raised: true }))];
  });
}

function raise(sql: Sql, silent: readonly SilentRobot[]): Promise<{ id: number; thing: string }[]> {
  const alerts = silent.map((robot) => {
    const { thing, incident, ...value } = robot;
    return { thing, incident, value: { ...value, text: silenceText(robot) } };
  });
  return sql.query(
    `insert into alerts (thing, incident, channel, value, raised_at)
    select n.thing, n.incident, $1, n.value, (extract(epoch from clock_timestamp()) * 1000)::bigint
    from jsonb_to_recordset($2::text::jsonb) as n(thing text, incident text, value jsonb) order by n.thing
    on conflict (thing, incident) do nothing returning id, thing`,
    [ROBOT_SILENT, JSON.stringify(alerts)],
  );
}

/** @param afterMs the limit for this robot; 0 means no limit, null the default. @returns false if the robot is unknown. */
export async function setSilence(sql: Sql, thing: string, afterMs: number | null): Promise<boolean> {
  const rows = await sql.query('update robots set silent_after_ms = $2 where thing = $1 returning thing', [thing, afterMs]);
  return rows.length > 0;
}

/**
 * Explains to the family why a robot is probably silent. Pure. A low battery is checked first, because a robot may be shut down before its
 * battery is empty.
 */
function silenceText({ online, reason, power, battery: reading }: SilentRobot): string {
  const announced = power && { percent: power.battery, at: power.at };
  const latest = announced && reading ? (reading.at > announced.at ? reading : announced) : (announced ?? reading);
  const battery = latest && `${Math.round(latest.percent)} % at ${timeOf(latest.at)}`;
  if (power?.low) return `probably its battery: ${battery}${reason === null ? '' : ', and then it was shut down'}`;
  const charge = battery ? `; its battery was at ${battery}` : '';
  if (reason !== null) return `it was shut down, or its program was stopped${charge}`;
  if (online) return `it is connected but sends nothing${charge}`;
  return `its network or its power was cut${charge}`;
}

/** Formats a time in UTC. A client can convert the times in the alert's value to its own time zone. */
function timeOf(at: number): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? 'an unknown time' : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
