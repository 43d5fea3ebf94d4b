// Plays faults while a robot drives. After each of them zero velocity must reach the robot within the motion's duration and 250 ms.
import { join } from 'node:path';
import type { Program } from '../../../scripts/lab/program.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { FakeClock, fakeClockMissing } from '../fakeClock.ts';
import { MovingRobot, movingMissing } from '../moving.ts';
import { after } from '../world.ts';

const DURATION_MS = 500;
const SLACK_MS = 250;
const READY_WITHIN_MS = 10_000;
const ASK_AGAIN_MS = 100;
const YEAR_S = 365 * 86_400;

interface Scene {
  readonly robot: MovingRobot;
  readonly agent: Program;
  readonly guard: Program;
  readonly clock: FakeClock;
}

interface Scenario {
  readonly name: string;
  /** The fault, applied while the robot moves. */
  readonly harm: (scene: Scene, run: number) => unknown;
  /** Repairs the fault. */
  readonly mend?: (scene: Scene) => unknown;
}

/** The last two faults end the agent. */
const SCENARIOS: readonly Scenario[] = [
  { name: 'left_alone', harm: () => {} },
  { name: 'stop', harm: ({ robot }) => robot.caller.send('stop') },
  {
    name: 'broker_gone',
    harm: ({ robot }) => robot.bench.broker.kill(),
    mend: async ({ robot }) => {
      await robot.bench.broker.restart();
      await robot.ready();
    },
  },
  {
    name: 'clock_jumped',
    harm: ({ clock }, run) => clock.set(run % 2 === 0 ? YEAR_S : -YEAR_S),
    mend: ({ clock }) => clock.set(0),
  },
  {
    name: 'guard_killed',
    harm: ({ guard }) => guard.kill(),
  },
  {
    name: 'halted',
    harm: ({ agent }) => agent.signal('SIGSTOP'),
    mend: ({ agent }) => agent.signal('SIGCONT'),
  },
  { name: 'terminated', harm: ({ agent }) => agent.signal('SIGTERM') },
  { name: 'killed', harm: ({ agent }) => agent.kill() },
];

const ENDS_AGENT = ['terminated', 'killed'];

export const motion: Campaign = {
  name: 'motion',
  what: 'the robot is driven, and the agent is killed or halted, the broker or the guard killed, the clock turned; each in every run',
  defaultRuns: 3,
  missing: () => fakeClockMissing() || movingMissing(),
  run: runMotion,
};

async function runMotion({ runs, random, say }: Context): Promise<Outcome> {
  const robot = await MovingRobot.start();
  const clock = new FakeClock(join(robot.bench.folder, 'clock'));
  const failures: string[] = [];
  const took: Record<string, number[]> = Object.fromEntries(SCENARIOS.map(({ name }) => [name, []]));
  let agent: Program | undefined;
  try {
    let guard = await robot.guard();
    for (let run = 1; run <= runs; run++) {
      for (const scenario of SCENARIOS) {
        if (guard.ended) guard = await robot.guard();
        agent = !agent || agent.ended ? await robot.agent(clock.env()) : agent;
        await robot.ready();
        const harmMs = random.between(0, DURATION_MS - 100);
        try {
          const ms = await drive({ robot, agent, guard, clock }, scenario, run, harmMs);
          took[scenario.name]?.push(Math.round(ms));
          if (ms > DURATION_MS + SLACK_MS)
            failures.push(`run ${run}, ${scenario.name} after ${harmMs} ms: it moved for ${Math.round(ms)} ms`);
        } catch (error) {
          failures.push(`run ${run}, ${scenario.name} after ${harmMs} ms: ${error instanceof Error ? error.message : String(error)}`);
        }
        await scenario.mend?.({ robot, agent, guard, clock });
        if (ENDS_AGENT.includes(scenario.name)) await agent.stop();
      }
      say(`run ${run}: ${SCENARIOS.map(({ name }) => `${name} ${took[name]?.at(-1)} ms`).join(', ')}`);
    }
  } finally {
    await robot.stop();
  }
  const figures = Object.fromEntries(Object.entries(took).map(([name, all]) => [`${name}_longest_ms`, Math.max(...all)]));
  return { runs, lost: 0, doubled: 0, failures, figures: { duration_ms: DURATION_MS, allowed_ms: DURATION_MS + SLACK_MS, ...figures } };
}

/** The duration of the robot's motion. */
async function drive(scene: Scene, { harm }: Scenario, run: number, harmMs: number): Promise<number> {
  const { robot } = scene;
  const startedMs = await begin(robot);
  const stands = robot.stands(DURATION_MS + 5_000);
  stands.catch(() => {});
  await after(harmMs);
  await harm(scene, run);
  return (await stands) - startedMs;
}

/** Repeats a refused drive: right after its start the guard may not be discovered yet. */
async function begin(robot: MovingRobot): Promise<number> {
  const untilMs = performance.now() + READY_WITHIN_MS;
  const moves = robot.moves();
  moves.catch(() => {});
  for (;;) {
    const id = await robot.caller.send('drive', { args: { linear: 0.2, duration_ms: DURATION_MS } });
    const refused = robot.caller.result(id).then(({ status, detail }) => {
      if (status === 'done') return moves;
      if (performance.now() > untilMs) throw new Error(`${status}: ${detail}`);
      return undefined;
    });
    refused.catch(() => {});
    const movedMs = await Promise.race([moves, refused]);
    if (movedMs !== undefined) return movedMs;
    await after(ASK_AGAIN_MS);
  }
}
