import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Receipt } from '../../src/wire/index.ts';
import { FleetRobot, MINUTE_MS, type Outgoing } from './robot.ts';

const OPTIONS = { index: 7, readings: 6, startedAt: 1_763_929_000_000, telemetryEveryMs: 60_000, fallMinute: 1, endMinute: 3 };

function receiptOf(robot: FleetRobot, markMs: number, also: Receipt['also'], through = 0): Receipt {
  const { thing, outbox, accepted } = robot;
  return { thing, outbox, at: 0, accepted, mark: [1, markMs], through, after: 0, to: null, also };
}

function acknowledged(out: readonly Outgoing[], nowMs: number): readonly Outgoing[] {
  for (const each of out) each.acknowledged(nowMs);
  return out;
}

const rowsIn = ({ payload }: Outgoing): unknown => (JSON.parse(payload) as { readings?: unknown }).readings;

describe('a simulated robot', () => {
  it('announces itself, sends rows each minute, raises a fall once and clears it', () => {
    const robot = new FleetRobot(OPTIONS);
    const kinds = [0, 1, 2, 3].map((minute) =>
      robot.minute(minute, minute * MINUTE_MS).map(({ payload }) => (JSON.parse(payload) as { kind?: string }).kind ?? 'presence'),
    );
    assert.deepEqual(kinds, [['presence', 'telemetry'], ['alert', 'telemetry'], ['alert', 'telemetry'], []]);
    assert.deepEqual([robot.falls, robot.accepted], [1, 20]);
  });

  it('sends a row again that a receipt lacks 60 s after its PUBACK, with the same content, and not earlier', () => {
    const robot = new FleetRobot(OPTIONS);
    const [, first] = acknowledged(robot.minute(0, 0), 0);
    acknowledged(robot.minute(1, MINUTE_MS), MINUTE_MS);
    assert.ok(first);
    assert.deepEqual(robot.receive(receiptOf(robot, 60_000, [[7, 13]]), 61_000), []);
    const [again, ...more] = robot.receive(receiptOf(robot, 60_001, [[7, 13]]), 61_000);
    assert.ok(again);
    assert.deepEqual([rowsIn(again), again.isRepeat, more], [rowsIn(first), true, []]);
    assert.deepEqual(robot.receive(receiptOf(robot, 500_000, [[7, 13]]), 500_000), [], 'it is still on its way');
    assert.equal(robot.isSettled, false);
    robot.receive(receiptOf(robot, 500_000, [], 13), 500_000);
    assert.equal(robot.isSettled, true);
  });

  it('asks with a presence if no receipt comes for 90 s, at most every 5 minutes', () => {
    const robot = new FleetRobot(OPTIONS);
    acknowledged(robot.minute(0, 0), 0);
    const asked = [3, 4, 5, 6, 9, 10].filter((minute) => robot.minute(minute, minute * MINUTE_MS).length > 0);
    assert.deepEqual(asked, [5, 10]);
  });

  it('does not believe a receipt for rows that it has not assigned', () => {
    const robot = new FleetRobot(OPTIONS);
    assert.throws(() => robot.receive({ ...receiptOf(robot, 0, []), accepted: 1 }, 0), /false receipt/);
  });
});
