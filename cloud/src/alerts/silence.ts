// Raises `robot_silent` if nothing arrives from a robot for longer than its limit, and resolves the alert when the robot sends again. All
// state is in the database, so it survives a restart. The row lock of `watch` lets only one instance raise at a time. While no instance
// receives messages (all instances or the database are down), no robot is treated as silent, and silence is counted from the time at which
// an instance is back. While the ingest of any instance is behind, nothing is raised. The alerts are raised first and without a look at the
// readings, so that neither many silent robots nor the data of one delay them; the search for their last battery readings follows.
import type { Power } from '../../../src/wire/index.ts';
import type { Database, Sql } from '../database/index.ts';

export const ROBOT_SILENT = 'robot_silent';

/** A robot may be silent for this many of its own intervals, because one message may be late or lost and repeated. */
const INTERVALS = 2;
/** Upper limit (ms) for the interval that a robot announces. */
const MAX_EVERY_MS = 86_400_000;

/** Robots of one transaction. */
const RAISED_AT_ONCE = 1_000;
const EXPLAINED_AT_ONCE = 20;
/** Time for the search of battery readings in one check (ms). The other alerts keep what the presence says. */
const EXPLAIN_MS = 15_000;
/** Number of newest rows of a robot that are searched for a battery reading. */
const LAST_ROWS = 20_000;

/** If the last check is longer ago than this (ms), no instance was receiving messages in between. */
export const GAP_MS = 120_000;
/** An instance that is behind says so at each check. Its messages may then take this long (ms) to be committed. */
const BEHIND_MS = 60_000;

interface Battery {
  readonly percent: number;
  readonly at: number;
}

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
  readonly battery: Battery | null;
}

/** Robots that may seem silent because this instance has not committed their messages. */
export interface Behind {
  /** Whether that may be any robot. Then no instance raises an alert. */
  readonly all: boolean;
  readonly things: readonly string[];
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
 * @param onChange is called as soon as alerts are raised or resolved.
 */
export async function checkSilence(
  db: Database,
  afterMs: number,
  behind: Behind = { all: false, things: [] },
  onChange: (changes: readonly SilenceChange[]) => void = () => {},
): Promise<SilenceChange[]> {
  const changes: SilenceChange[] = [];
  const report = (rows: readonly { id: number; thing: string }[], raised: boolean): void => {
    const news = rows.map((row) => ({ ...row, raised }));
    changes.push(...news);
    if (news.length > 0) onChange(news);
  };
  const silent = new Map<number, SilentRobot>();
  for (let found = RAISED_AT_ONCE; found === RAISED_AT_ONCE; ) {
    const robots = await db.transaction((sql) => raiseSome(sql, afterMs, behind));
    found = robots.length;
    for (const robot of robots) silent.set(robot.id, robot);
    report(
      robots.map(({ id, thing }) => ({ id, thing })),
      true,
    );
  }
  report(await db.query<{ id: number; thing: string }>(RESOLVE, [ROBOT_SILENT]), false);
  await explain(db, silent);
  return changes;
}

/** Only alerts of the cloud itself: a channel of a robot may have the same name. No arithmetic with `raised_at`, which may be any number. */
const RESOLVE = `
update alerts a set resolved_at = heard.ms from robots r
cross join lateral (select (extract(epoch from r.last_heard_at) * 1000)::bigint as ms) as heard
where a.channel = $1 and a.incident like $1 || '/%' and a.resolved_at is null and r.thing = a.thing and heard.ms > a.raised_at
returning a.id, a.thing`;

const SILENT = `
select r.thing, heard.incident, heard.at as last_heard_at, r.online, r.reason, r.power, null as battery
from robots r cross join lateral (select coalesce(r.silent_after_ms, $2::bigint) as after_ms) as may
cross join lateral (select (extract(epoch from r.last_heard_at) * 1000)::bigint as ms) as last
cross join lateral (select last.ms as at, $1 || '/' || last.ms as incident) as heard
where may.after_ms > 0 and not r.thing = any($7::text[]) and clock_timestamp() - greatest(r.last_heard_at, $3::timestamptz)
  > greatest(may.after_ms, least(coalesce(r.telemetry_every_ms, 0), $4::bigint) * $5::bigint) * interval '1 ms'
  and not exists (select from alerts a where a.thing = r.thing and a.incident = heard.incident)
order by r.thing limit $6`;

async function raiseSome(sql: Sql, afterMs: number, behind: Behind): Promise<(SilentRobot & { id: number })[]> {
  const [watch] = await sql.query<{ since: string; may_raise: boolean }>(
    `update watch set checked_at = clock_timestamp(),
      behind_at = case when $2 then clock_timestamp() else behind_at end,
      listening_since = case when clock_timestamp() - checked_at > $1 * interval '1 ms' then clock_timestamp() else listening_since end
    returning listening_since::text as since, behind_at is null or clock_timestamp() - behind_at > $3 * interval '1 ms' as may_raise`,
    [GAP_MS, behind.all, BEHIND_MS],
  );
  if (!watch?.may_raise) return [];
  const robots = await sql.query<SilentRobot>(SILENT, [
    ...[ROBOT_SILENT, afterMs, watch.since, MAX_EVERY_MS, INTERVALS],
    ...[RAISED_AT_ONCE, behind.things],
  ]);
  if (robots.length === 0) return [];
  const ids = await sql.query<{ id: number; thing: string }>(
    `insert into alerts (thing, incident, channel, value, raised_at)
    select n.thing, n.incident, $1, n.value, (extract(epoch from clock_timestamp()) * 1000)::bigint
    from jsonb_to_recordset($2::text::jsonb) as n(thing text, incident text, value jsonb) order by n.thing
    on conflict (thing, incident) do nothing returning id, thing`,
    [ROBOT_SILENT, JSON.stringify(robots.map((robot) => ({ thing: robot.thing, incident: robot.incident, value: alertValue(robot) })))],
  );
  const byThing = new Map(robots.map((robot) => [robot.thing, robot]));
  return ids.flatMap(({ id, thing }) => {
    const robot = byThing.get(thing);
    return robot ? [{ ...robot, id }] : [];
  });
}

/** Adds the last battery readings. An alert without them stands all the same. */
async function explain(db: Database, silent: ReadonlyMap<number, SilentRobot>): Promise<void> {
  const ids = [...silent.keys()];
  const untilMs = performance.now() + EXPLAIN_MS;
  for (let from = 0; from < ids.length && performance.now() < untilMs; from += EXPLAINED_AT_ONCE) {
    const found = await db.query<{ id: number; battery: Battery }>(
      `select a.id, b.battery from alerts a join robots r on r.thing = a.thing cross join lateral (
        select jsonb_build_object('percent', n.value, 'at', coalesce(n.corrected_at, n.at)) as battery from readings n
        where n.thing = r.thing and n.outbox = r.state_outbox and n.seq > r.state_seq - $2::bigint
          and n.channel = 'battery' and jsonb_typeof(n.value) = 'number'
        order by n.seq desc limit 1) as b
      where a.id = any($1::bigint[])`,
      [ids.slice(from, from + EXPLAINED_AT_ONCE), LAST_ROWS],
    );
    const values = found.flatMap(({ id, battery }) => {
      const robot = silent.get(id);
      return robot ? [{ id, value: alertValue({ ...robot, battery }) }] : [];
    });
    await db.query(
      `update alerts a set value = n.value from jsonb_to_recordset($1::text::jsonb) as n(id bigint, value jsonb) where a.id = n.id`,
      [JSON.stringify(values)],
    );
  }
}

function alertValue(robot: SilentRobot): object {
  const { last_heard_at, online, reason, power, battery } = robot;
  return { last_heard_at, online, reason, power, battery, text: silenceText(robot) };
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
