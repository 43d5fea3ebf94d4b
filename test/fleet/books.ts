// Compares what the simulated robots sent with the database: each accepted row once, each alert once, no robot falsely silent.
import type { Queries } from '../../scripts/lab/kept.ts';
import { TEMPERATURES } from './robot.ts';

/** The rows and alerts of a robot. */
export interface Expected {
  readonly thing: string;
  readonly accepted: number;
  readonly falls: number;
}

/** The robot's rows in the database. */
export interface Stored {
  readonly thing: string;
  readonly rows: number;
  readonly seqs: number;
  readonly last: number;
  /** Rows with another content than the robot sent. */
  readonly changed: number;
}

export interface Found {
  readonly stored: readonly Stored[];
  /** The numbers of alerts and of unresolved alerts of each robot. */
  readonly falls: readonly { readonly thing: string; readonly count: number; readonly open: number }[];
  readonly poison: number;
}

export interface Verdict {
  readonly accepted: number;
  readonly lost: number;
  readonly doubled: number;
  readonly changed: number;
  readonly alerts: number;
  readonly alertsLost: number;
  readonly alertsDoubled: number;
  /** Alerts that the robots cleared and that still stand. */
  readonly alertsOpen: number;
  readonly poison: number;
}

export function judge(robots: readonly Expected[], { stored, falls, poison }: Found): Verdict {
  const rowsOf = new Map(stored.map((each) => [each.thing, each]));
  const fallsOf = new Map(falls.map((each) => [each.thing, each]));
  const sum = (amount: (robot: Expected) => number): number => robots.reduce((total, robot) => total + amount(robot), 0);
  const known = new Set(robots.map(({ thing }) => thing));
  const foreign = stored.filter(({ thing }) => !known.has(thing)).reduce((total, { rows }) => total + rows, 0);
  const alertCount = (thing: string): number => fallsOf.get(thing)?.count ?? 0;
  return {
    accepted: sum(({ accepted }) => accepted),
    lost: sum(({ thing, accepted }) => Math.max(0, accepted - (rowsOf.get(thing)?.seqs ?? 0))),
    // Rows beyond the numbers that the robot assigned count too.
    doubled:
      foreign + sum(({ thing, accepted }) => Math.max(0, (rowsOf.get(thing)?.rows ?? 0) - accepted, excess(rowsOf.get(thing), accepted))),
    changed: sum(({ thing }) => rowsOf.get(thing)?.changed ?? 0),
    alerts: sum((robot) => robot.falls),
    alertsLost: sum((robot) => Math.max(0, robot.falls - alertCount(robot.thing))),
    alertsDoubled: sum((robot) => Math.max(0, alertCount(robot.thing) - robot.falls)),
    alertsOpen: falls.reduce((total, { open }) => total + open, 0),
    poison,
  };
}

/** Copies of a number, and numbers above the last. Both can hide behind a missing row. */
function excess(stored: Stored | undefined, accepted: number): number {
  return stored ? stored.rows - stored.seqs + Math.max(0, stored.last - accepted) : 0;
}

export async function read(database: Queries): Promise<Found> {
  const stored = await database.query(
    `select thing, count(*)::int as rows, count(distinct seq)::int as seqs, max(seq)::int as last,
      (count(*) filter (where channel is null or (channel = 'temperature' and value <> to_jsonb(seq % ${TEMPERATURES}))))::int as changed
    from readings group by thing`,
  );
  const falls = await database.query(
    `select thing, count(*)::int as count, (count(*) filter (where resolved_at is null))::int as open
    from alerts where channel = 'fall' group by thing`,
  );
  const poison = await database.query('select count(*)::int as count from poison_messages');
  return {
    stored: stored.rows as Stored[],
    falls: falls.rows as Found['falls'],
    poison: Number((poison.rows[0] as { count: number }).count),
  };
}

/** @returns the robots that the cloud has called silent, with repetitions. */
export async function silentThings(database: Queries): Promise<string[]> {
  const { rows } = await database.query("select thing from alerts where channel = 'robot_silent'");
  return (rows as { thing: string }[]).map(({ thing }) => thing);
}
