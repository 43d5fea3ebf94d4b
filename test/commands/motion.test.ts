import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { type Armed, Motion, type MotionGuard } from '../../src/commands/motion.ts';
import { until } from '../support/until.ts';

const log = pino({ level: 'silent' });

describe('a motion', () => {
  let calls: string[];
  let requests: { resolve: (armed: Armed) => void; reject: (error: Error) => void }[];
  let motion: Motion;
  const guard: MotionGuard = {
    missing: undefined,
    arm: () => new Promise((resolve, reject) => requests.push({ resolve, reject })),
    trip: () => calls.push('trip'),
  };
  const armed = (name: string): Armed => ({ disarm: () => calls.push(`disarm ${name}`) });
  const drive = (name: string, topics: readonly string[] = ['/cmd_vel']) => ({
    topics,
    zero: () => void calls.push(`zero ${name}`),
    stop: () => void calls.push(`stop ${name}`),
  });
  const begin = (name: string, durationMs = 10_000, topics?: readonly string[]) =>
    motion.begin(motion.claim('drive'), durationMs, drive(name, topics), () => calls.push(`begin ${name}`));

  beforeEach(() => {
    [calls, requests] = [[], []];
    motion = new Motion(guard, log);
  });

  it('starts only after the guard’s confirmation, and ends after its duration with zero velocity', async () => {
    const began = begin('a', 30);
    assert.deepEqual([calls, motion.name], [[], 'drive']);
    requests[0]?.resolve(armed('a'));
    await began;
    assert.deepEqual(calls, ['begin a']);
    await until(() => motion.name === undefined, 'the motion ended');
    assert.deepEqual(calls, ['begin a', 'zero a', 'disarm a']);
  });

  it('that the robot plans itself ends when its goal is cancelled', async () => {
    const began = begin('goal', 30, []);
    requests[0]?.resolve(armed('goal'));
    await began;
    await until(() => motion.name === undefined, 'the motion ended');
    assert.deepEqual(calls, ['begin goal', 'stop goal', 'disarm goal']);
  });

  it('that ended by itself, as a confirmation shows, is not cancelled', async () => {
    const began = begin('goal', 10_000, []);
    requests[0]?.resolve(armed('goal'));
    await began;
    motion.finish('drive');
    assert.deepEqual([calls, motion.name], [['begin goal', 'disarm goal'], undefined]);
  });

  it('ends at once by zero velocity and cancellation when it is halted', async () => {
    const began = begin('a');
    requests[0]?.resolve(armed('a'));
    await began;
    motion.halt('a stop arrived');
    assert.deepEqual(calls, ['begin a', 'zero a', 'stop a', 'disarm a']);
  });

  it('does not start if a stop arrived before the guard’s answer', async () => {
    const began = begin('a');
    motion.halt('a stop arrived');
    requests[0]?.resolve(armed('a'));
    await assert.rejects(began, /stopped or replaced/);
    assert.deepEqual(calls, ['disarm a']);
  });

  it('does not start if the guard refuses, and does not block the next motion', async () => {
    const began = begin('a');
    requests[0]?.reject(new Error('no node subscribes to the guard yet'));
    await assert.rejects(began, /no node subscribes to the guard yet/);
    assert.deepEqual([calls, motion.name], [[], undefined]);
  });

  it('is replaced by the next motion of its name, whose end is the only end', async () => {
    const first = begin('a', 40);
    requests[0]?.resolve(armed('a'));
    await first;
    const second = begin('b', 80);
    requests[1]?.resolve(armed('b'));
    await second;
    await until(() => motion.name === undefined, 'the motion ended');
    assert.deepEqual(calls, ['begin a', 'begin b', 'zero b', 'disarm b']);
  });

  it('is halted if it can’t be published, and the guard publishes the stop if ROS refuses', async () => {
    const brakes = { ...drive('a'), zero: () => assert.fail('ROS is gone') };
    const began = motion.begin(motion.claim('drive'), 10_000, brakes, () => assert.fail('no such field'));
    requests[0]?.resolve(armed('a'));
    await assert.rejects(began, /no such field/);
    assert.deepEqual(calls, ['trip', 'stop a', 'disarm a']);
  });

  it('is halted at once if the agent stalled for longer than its duration', async () => {
    const began = begin('late', 20);
    await new Promise((resolve) => setTimeout(resolve, 40));
    requests[0]?.resolve(armed('late'));
    await began;
    assert.deepEqual(calls, ['begin late', 'zero late', 'stop late', 'disarm late']);
  });
});
