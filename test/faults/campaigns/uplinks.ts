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
      const tookMs = await measure({ network, witness, situation, runs, random, say });
      const late = tookMs.filter((ms) => ms > GOAL_MS).length;
      const never = tookMs.filter((ms) => ms === Number.POSITIVE_INFINITY).length;
      lost += never;
      if (late > never) failures.push(`${situation.name}: ${late - never} of ${runs} alerts took more than ${GOAL_MS} ms`);
      const [p50, p99, max] = [quantile(tookMs, 0.5), quantile(tookMs, 0.99), Math.max(...tookMs)].map(Math.round);
      figures[situation.name] = { p50_ms: p50, p99_ms: p99, max_ms: max, took_ms: tookMs };
      say(`${situation.name} (${situation.what}): p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`);
    }
    await witness.stop();
  } finally {
    await network.stop();
  }
  return { runs, lost, doubled: 0, failures, figures };
}

interface Measurement extends Pick<Context, 'runs' | 'random' | 'say'> {
  readonly network: RobotNetwork;
  readonly witness: Witness;
  readonly situation: Situation;
}

/** The milliseconds of each run; infinity for an alert that never arrived. */
async function measure({ network, witness, situation, runs, random, say }: Measurement): Promise<number[]> {
  const { name, isAlone, from = {}, second: slow = {}, toggles, play } = situation;
  const [first, second] = network.uplinks;
  if (!first || !second) throw new Error('the network has two uplinks');
  if (isAlone) second.down();
  else second.up();
  await second.harm(slow);
  const tookMs: number[] = [];
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
      if (toggles) continue;
      await robot.kill();
      robot = undefined;
    }
  } finally {
    toggler?.stop();
    await robot?.kill();
  }
  return tookMs;
}

/** Writes the robot's configuration: the default, and the names of its uplinks. @returns its file. */
function configure({ folder, uplinks: [first, second] }: RobotNetwork, name: string, isAlone: boolean): string {
  const file = join(folder, `${name}.yaml`);
  const uplinks = `mqtt: { uplinks: [${first?.interface}, { interface: ${second?.interface}, metered: true }] }`;
  writeFileSync(
    file,
    `state_dir: ${join(folder, name)}\nchannels: { fall: { report: { on: message } } }\n${isAlone ? '' : `${uplinks}\n`}`,
  );
  return file;
}
