// Kills the agent at each named point between a command's record, its publishing and its result, and then sends the same command twice
// more. The ROS message must arrive at most once, and the id must have exactly one result.

import { COMMAND_CRASH_POINTS, CRASH_AT } from '../../../src/base/index.ts';
import { THING } from '../../support/bench.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { MovingRobot, movingMissing } from '../moving.ts';

type CrashPoint = (typeof COMMAND_CRASH_POINTS)[number];

const SPEAK = '/speak';
/** A second ROS message would arrive within this time. */
const SECOND_WITHIN_MS = 200;
const DIES_WITHIN_MS = 15_000;

/** The permitted results after a kill at each point, not counting `no_effect` for an undiscovered subscriber. */
const MAY_SAY: Readonly<Record<CrashPoint, readonly string[]>> = {
  command_before_record: ['done'],
  command_recorded: ['unknown'],
  command_published: ['unknown'],
  command_answered: ['unknown', 'done'],
  command_answer_in_transaction: ['unknown', 'done'],
};

export const commands: Campaign = {
  name: 'commands',
  what: 'kill -9 at each named point between a command’s record, its publishing and its result, and the same command again',
  defaultRuns: 2,
  missing: movingMissing,
  run: runCommands,
};

async function runCommands({ runs, say }: Context): Promise<Outcome> {
  const robot = await MovingRobot.start();
  const failures: string[] = [];
  const tally = { executed: 0, executed_twice: 0, results_missing: 0, results_twice: 0, statuses: {} as Record<string, number> };
  try {
    await robot.peer.subscribe(SPEAK, 'std_msgs/msg/String');
    for (let run = 1; run <= runs; run++) {
      for (const point of COMMAND_CRASH_POINTS) {
        const found = await crash(robot, point, `${point}-${run}`);
        tally.executed += found.spoken;
        if (found.spoken > 1) tally.executed_twice++;
        if (found.results === 0) tally.results_missing++;
        if (found.results > 1) tally.results_twice++;
        tally.statuses[found.status] = (tally.statuses[found.status] ?? 0) + 1;
        const isRight = found.results === 1 && found.spoken <= 1 && MAY_SAY[point].includes(found.status);
        if (!isRight) failures.push(`run ${run}, ${point}: ${JSON.stringify(found)}, expected one of ${MAY_SAY[point].join(', ')}, once`);
      }
      say(`run ${run}: ${COMMAND_CRASH_POINTS.length} points, ${failures.length} failures so far`);
    }
  } finally {
    await robot.stop();
  }
  const doubled = tally.executed_twice + tally.results_twice;
  return {
    runs,
    lost: tally.results_missing,
    doubled,
    failures,
    figures: { points: COMMAND_CRASH_POINTS, kills: runs * COMMAND_CRASH_POINTS.length, ...tally },
  };
}

interface Found {
  readonly status: string;
  /** The result's text, for the description of a failure. */
  readonly detail: string | undefined;
  readonly results: number;
  readonly spoken: number;
}

async function crash(robot: MovingRobot, point: CrashPoint, text: string): Promise<Found> {
  const { bench, peer, caller } = robot;
  const now = Date.now();
  const command = { id: text, thing: THING, command: 'speak', value: text, issued_at: now, expires_at: now + 59_000 };
  const doomed = bench.agent({ [CRASH_AT]: point });
  await bench.status(({ link }) => link.state === 'connected');
  await peer.matched(SPEAK);
  await caller.sendRaw(JSON.stringify(command));
  const timer = setTimeout(() => void doomed.kill(), DIES_WITHIN_MS);
  const code = await doomed.exited;
  clearTimeout(timer);
  if (code !== null) throw new Error(`${point}: the agent ended with ${code} in place of dying`);
  const agent = bench.agent();
  await bench.status(({ link }) => link.state === 'connected');
  for (const _again of [1, 2]) await caller.sendRaw(JSON.stringify(command));
  const { status, detail } = await caller.result(text);
  const spoken = await heard(robot, text);
  await agent.stop();
  return { status, detail, spoken, results: caller.results.filter(({ id }) => id === text).length };
}

/** The number of received ROS messages with this text. */
async function heard({ peer }: MovingRobot, text: string): Promise<number> {
  for (let count = 0; ; count++) {
    const next = await peer.next(SPEAK, ({ data }) => data === text, SECOND_WITHIN_MS).catch(() => undefined);
    if (!next) return count;
  }
}
