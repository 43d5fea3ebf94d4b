// Runs the fleet on two instances, kills one of them in the middle, and returns the books and the costs.
import { loadavg } from 'node:os';
import type { Program } from '../../scripts/lab/program.ts';
import { type Found, judge, read, silentThings, type Verdict } from './books.ts';
import { costOf, type InstanceCost, moment, walBytes } from './costs.ts';
import type { FleetOptions } from './options.ts';
import { Simulation } from './simulation.ts';
import { FleetWorld } from './world.ts';

const KILLED_AT = 0.4;
const BACK_AT = 0.5;
/** Receipts for 10,000 robots, and two tries of a lost row, take a minute at the default speed. */
const SETTLE_MS = 600_000;
/** The cloud looks for silent robots every few seconds; a busy machine takes longer. */
const SILENCE_SLACK_MS = 60_000;

export interface Outcome {
  readonly verdict: Verdict;
  readonly failures: readonly string[];
  readonly figures: Readonly<Record<string, unknown>>;
}

/** @param stop ends the run early; its reason is thrown after all parts are stopped. */
export async function runFleet(options: FleetOptions, say: (text: string) => void, stop?: AbortSignal): Promise<Outcome> {
  const world = await FleetWorld.start(options);
  try {
    return await measured(world, options, say, stop);
  } finally {
    await world.stop();
  }
}

async function measured(world: FleetWorld, options: FleetOptions, say: (text: string) => void, stop?: AbortSignal): Promise<Outcome> {
  const { minutes } = options;
  const load = loadavg()[0];
  const fleet = new Simulation(world, options, stop);
  const killed = await world.instance();
  const other = await world.instance();
  await fleet.connect();
  const before = await moment(world);
  const startedMs = performance.now();
  const tell = (): void =>
    say(
      `minute ${Math.round(fleet.minute)} after ${Math.round((performance.now() - startedMs) / 1_000)} s: ${JSON.stringify(fleet.counts)}`,
    );

  await fleet.until(KILLED_AT * minutes);
  const first = costOf(killed);
  await killed.kill();
  tell();
  say('one of the two instances was killed with SIGKILL');
  await fleet.until(BACK_AT * minutes);
  const starting = world.instance();
  await Promise.all([starting, fleet.until(minutes)]);
  const again = await starting;
  tell();
  const silent = await silentThings(world.database);
  const quietMs = performance.now() - fleet.quietSinceMs;
  const silentMs = FleetWorld.silentAfterMinutes(options.speed) * 60_000 + SILENCE_SLACK_MS;
  const sendingS = (performance.now() - startedMs) / 1_000;

  await fleet.settle(SETTLE_MS);
  tell();
  const seconds = (performance.now() - startedMs) / 1_000;
  const costs = [first, costOf(again), costOf(other)];
  const after = await moment(world);
  const wal = await walBytes(world, before, after);
  const found = await read(world.database);
  const failures = [...failuresOf(fleet, found, silent, quietMs > silentMs), ...ended([again, other])];
  const robots = fleet.robots.map((robot) => ({ thing: robot.thing, accepted: robot.accepted, falls: robot.falls }));
  const verdict = judge(robots, found);
  const { messages, repeats, bytes } = fleet.counts;
  const perMessage = (seconds: number): number => (seconds * 1_000) / messages;
  return {
    verdict,
    failures: [...failures, ...wrongIn(verdict)],
    figures: {
      ...{ ...options, load_before: load, load_after: loadavg()[0], seconds, sending_s: sendingS, stalled_s: fleet.stalledS },
      ...{ messages, repeats, message_bytes: bytes / messages, receipts: world.receipts, silent: silent.length },
      node_ms_a_message: perMessage(costs.reduce((sum, { cpuS }) => sum + cpuS, 0)),
      postgres_ms_a_message: perMessage(after.postgresS - before.postgresS),
      broker_ms_a_message: perMessage(after.brokerS - before.brokerS),
      ...{ database_mb: (after.databaseBytes - before.databaseBytes) / 1e6, wal_mb: wal / 1e6 },
      database_bytes_a_row: (after.databaseBytes - before.databaseBytes) / verdict.accepted,
      wal_bytes_a_row: wal / verdict.accepted,
      peak_rss_mb: peaks(costs),
    },
  };
}

function peaks([killed, again, other]: readonly InstanceCost[]): Readonly<Record<string, number | undefined>> {
  return { killed: killed?.peakRssMb, again: again?.peakRssMb, other: other?.peakRssMb };
}

function failuresOf(fleet: Simulation, { falls }: Found, silent: readonly string[], isNoticed: boolean): string[] {
  const failures: string[] = [];
  const quiet = new Set(fleet.robots.filter((robot) => fleet.isQuiet(robot)).map(({ thing }) => thing));
  const falsely = silent.filter((thing) => !quiet.has(thing));
  if (falsely.length > 0) failures.push(`${falsely.length} robots are falsely silent, such as ${falsely.slice(0, 5).join(', ')}`);
  const named = new Set(silent);
  if (named.size < silent.length) failures.push(`${silent.length - named.size} robots were called silent twice`);
  const missed = [...quiet].filter((thing) => !named.has(thing));
  if (isNoticed && missed.length > 0) failures.push(`${missed.length} silent robots were not noticed`);
  if (fleet.unsettled > 0) failures.push(`receipts do not cover all rows of ${fleet.unsettled} robots`);
  const most = Math.max(0, ...falls.map(({ count }) => count));
  if (most > 1) failures.push(`a robot with one fall has ${most} alerts`);
  return failures;
}

function ended(instances: readonly Program[]): string[] {
  return instances.filter((program) => program.ended).map(({ stderr }) => `an instance ended by itself: ${stderr.slice(-500)}`);
}

function wrongIn({ accepted: _accepted, alerts: _alerts, ...wrong }: Verdict): string[] {
  return Object.entries(wrong).flatMap(([name, count]) => (count > 0 ? [`${name}: ${count}`] : []));
}
