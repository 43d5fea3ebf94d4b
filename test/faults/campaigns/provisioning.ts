// Kills a fleet provisioning at each named point and repeats the command. In the end there must be one thing, the robot must use an active
// certificate, and no provisioning may be pending.

import { CRASH_AT, PROVISION_CRASH_POINTS } from '../../../src/base/index.ts';
import { ProvisioningBench } from '../../support/provisioning.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';

type CrashPoint = (typeof PROVISION_CRASH_POINTS)[number];

export const provisioning: Campaign = {
  name: 'provisioning',
  what: 'kill -9 at each named point of a fleet provisioning, at a second one in about every other case, and the same command again',
  defaultRuns: 2,
  missing: () => false,
  run: runProvisioning,
};

async function runProvisioning({ runs, random, say }: Context): Promise<Outcome> {
  const failures: string[] = [];
  const tally = { kills: 0, certificates: 0, at_most_certificates: 0 };
  for (let run = 1; run <= runs; run++) {
    for (const [i, point] of PROVISION_CRASH_POINTS.entries()) {
      const second = random.next() < 0.5 ? random.pick(PROVISION_CRASH_POINTS.slice(i)) : undefined;
      const found = await crash(point, second);
      tally.kills += found.kills;
      tally.certificates += found.certificates;
      tally.at_most_certificates = Math.max(tally.at_most_certificates, found.certificates);
      if (found.wrong.length > 0) failures.push(`run ${run}, ${point}${second ? ` then ${second}` : ''}: ${found.wrong.join('; ')}`);
    }
    say(`run ${run}: ${PROVISION_CRASH_POINTS.length} points, ${failures.length} failures so far`);
  }
  return { runs, lost: 0, doubled: 0, failures, figures: { points: PROVISION_CRASH_POINTS, ...tally } };
}

interface Found {
  readonly kills: number;
  /** The number of certificates that IoT Core issued. */
  readonly certificates: number;
  readonly wrong: readonly string[];
}

async function crash(point: CrashPoint, second: CrashPoint | undefined): Promise<Found> {
  const bench = await ProvisioningBench.start();
  try {
    let kills = 0;
    for (const at of second === undefined ? [point] : [point, second]) {
      // The second point may lie before the state that the first kill left. Then the call completes.
      if ((await bench.run(['provision'], { [CRASH_AT]: at })).signal === 'SIGKILL') kills++;
    }
    const last = await bench.run(['provision']);
    const { core, slots } = bench;
    const used = bench.inUse()?.cert.trim();
    const claims: readonly (readonly [isRight: boolean, what: string])[] = [
      [kills > 0, 'it was not killed'],
      [last.code === 0, `the last call ended with ${last.code}: ${last.err.trim()}`],
      [core.things.size === 1, `${core.things.size} things`],
      [core.active.some(({ pem }) => pem.trim() === used), 'what the robot uses is not active'],
      [core.active.length === 1, `${core.active.length} active certificates`],
      [slots.current !== undefined && slots.read(slots.current, 'pending') === undefined, 'something is still under way'],
    ];
    return { kills, certificates: core.certificates.size, wrong: claims.flatMap(([isRight, what]) => (isRight ? [] : [what])) };
  } finally {
    await bench.stop();
  }
}
