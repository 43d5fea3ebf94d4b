// Measures how long an alert takes from the ROS message to the broker in situations of the network. A whole agent with the default deadlines
// runs in network namespaces, with one or two uplinks to a real Mosquitto. The goal is 8 s at most in each run.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quantile } from '../../bench/figures.ts';
import { networkMissing, RobotNetwork } from '../../support/network/robotNetwork.ts';
import { Witness } from '../../support/network/witness.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { FallingRobot } from '../fallingRobot.ts';
import { countedFrom, Toggler } from '../toggling.ts';
import { SITUATIONS, type Situation } from '../uplinkSituations.ts';

const GOAL_MS = 8_000;
const BACK_WITHIN_MS = 60_000;

export const uplinks: Campaign = {
  name: 'uplinks',
  what: `the time from a fall to the broker in ${SITUATIONS.length} situations of the network, each with one or two uplinks`,
  defaultRuns: 20,
  kinds: SITUATIONS.map(({ name }) => name),
  missing: networkMissing,
  run: runUplinks,
};

async function runUplinks({ runs, random, say, only }: Context): Promise<Outcome> {
  const failures: string[] = [];
  const figures: Record<string, unknown> = { goal_ms: GOAL_MS };
  let lost = 0;
  const network = await RobotNetwork.start(['wlan0', 'wwan0']);
  try {
    const witness = await Witness.start(network.socket);
    for (const situation of SITUATIONS.filter(({ name }) => only?.includes(name) ?? true)) {
      const { name, what, goalMs = GOAL_MS } = situation;
      const { tookMs, backMs } = await measure({ network, witness, situation, runs, random, say });
      const never = tookMs.filter((ms) => ms === Number.POSITIVE_INFINITY).length;
      const late = tookMs.filter((ms) => ms > goalMs).length - never;
      const away = backMs.filter((ms) => ms > BACK_WITHIN_MS).length;
      lost += never;
      if (late > 0) failures.push(`${name}: ${late} of ${runs} alerts took more than ${goalMs} ms`);
      if (away > 0) failures.push(`${name}: ${away} of ${runs} returns to the first uplink took more than ${BACK_WITHIN_MS} ms`);
      figures[name] = { ...spread(tookMs), ...(backMs.length > 0 ? { back: spread(backMs) } : {}) };
      const [took, back] = [spread(tookMs), spread(backMs)];
      say(`${name} (${what}): p50 ${took.p50_ms} ms, p99 ${took.p99_ms} ms, max ${took.max_ms} ms`);
      if (backMs.length > 0) say(`${name}, the return: p50 ${back.p50_ms} ms, max ${back.max_ms} ms`);
    }
    await witness.stop();
  } finally {
    await network.stop();
  }
  return { runs, lost, doubled: 0, failures, figures };
}

function spread(ms: readonly number[]) {
  const [p50_ms, p99_ms, max_ms] = [quantile(ms, 0.5), quantile(ms, 0.99), Math.max(...ms)].map(Math.round);
  return { p50_ms, p99_ms, max_ms, ms };
}

interface Measurement extends Pick<Context, 'runs' | 'random' | 'say'> {
  readonly network: RobotNetwork;
  readonly witness: Witness;
  readonly situation: Situation;
}

interface Measured {
  /** The milliseconds of each run; infinity for an alert that never arrived. */
  readonly tookMs: readonly number[];
  /** The milliseconds until the agent was back on the first uplink. */
  readonly backMs: readonly number[];
}

async function measure({ network, witness, situation, runs, random, say }: Measurement): Promise<Measured> {
  const { name, isAlone, from = {}, second: slow = {}, toggles, returns, play } = situation;
  const [first, second] = network.uplinks;
  if (!first || !second) throw new Error('the network has two uplinks');
  if (isAlone) second.down();
  else second.up();
  await second.harm(slow);
  const tookMs: number[] = [];
  const backMs: number[] = [];
  let robot: FallingRobot | undefined;
  let toggler: Toggler | undefined;
  try {
    for (let run = 1; run <= runs; run++) {
      if (!robot) {
        first.up();
        await first.harm(from);
        robot = await FallingRobot.start(network, witness, configure(network, `${name}-${run}`, isAlone));
        if (toggles) toggler = new Toggler(first);
      }
      const { fall, arrival } = robot;
      const readyNs = await play({ network, first, random, fall });
      const arrivedNs = await arrival().catch(() => Number.POSITIVE_INFINITY);
      const fromNs = toggler && isAlone ? countedFrom(readyNs, arrivedNs, toggler.turns, GOAL_MS) : readyNs;
      tookMs.push(Math.round((arrivedNs - fromNs) / 1e6));
      say(`${name}, run ${run}: ${tookMs.at(-1)} ms`);
      if (returns) {
        const healedMs = performance.now();
        await first.heal();
        await robot.uses(first.interface);
        backMs.push(Math.round(performance.now() - healedMs));
      }
      if (toggles) continue;
      await robot.kill();
      robot = undefined;
    }
  } finally {
    toggler?.stop();
    await robot?.kill();
  }
  return { tookMs, backMs };
}

/** Writes the robot's configuration: the default, and the names of its uplinks. @returns its file. */
function configure({ folder, uplinks: [first, second] }: RobotNetwork, name: string, isAlone: boolean): string {
  const file = join(folder, `${name}.yaml`);
  const uplinks = `mqtt: { uplinks: [${first?.interface}, { interface: ${second?.interface}, metered: true }] }`;
  writeFileSync(
    file,
    `state_dir: ${join(folder, name)}\nchannels: { fall: { report: { on: message }, alerts_per_minute: 100000 } }\n${isAlone ? '' : `${uplinks}\n`}`,
  );
  return file;
}
