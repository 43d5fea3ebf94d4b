import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { type Armed, Motion, type MotionGuard } from '../../src/commands/motion.ts';
import { until } from '../support/until.ts';

const log = pino({ level: 'silent' });

describe('a motion', () => {
  let did: string[];
  let asked: { resolve: (armed: Armed) => void; reject: (error: Error) => void }[];
  let motion: Motion;
  const guard: MotionGuard = {
    missing: undefined,
    arm: () => new Promise((resolve, reject) => asked.push({ resolve, reject })),
    trip: () => did.push('trip'),
  };
  const armed = (name: string): Armed => ({ disarm: () => did.push(`disarm ${name}`) });
  const drive = (name: string, topics: readonly string[] = ['/cmd_vel']) => ({
    topics,
    zero: () => void did.push(`zero ${name}`),
    stop: () => void did.push(`stop ${name}`),
  });
  const begin = (name: string, durationMs = 10_000, topics?: readonly string[]) =>
    motion.begin(motion.claim('drive'), durationMs, drive(name, topics), () => did.push(`begin ${name}`));

  beforeEach(() => {
    [did, asked] = [[], []];
    motion = new Motion(guard, log);
  });

  it('starts only after the guard’s confirmation, and ends after its duration with zero velocity', async () => {
    const began = begin('a', 30);
    assert.deepEqual([did, motion.name], [[], 'drive']);
    asked[0]?.resolve(armed('a'));
    await began;
    assert.deepEqual(did, ['begin a']);
    await until(() => motion.name === undefined, 'it ended');
    assert.deepEqual(did, ['begin a', 'zero a', 'disarm a']);
  });

  it('that the robot plans itself ends by cancelling its goal', async () => {
    const began = begin('goal', 30, []);
    asked[0]?.resolve(armed('goal'));
    await began;
    await until(() => motion.name === undefined, 'it ended');
    assert.deepEqual(did, ['begin goal', 'stop goal', 'disarm goal']);
  });

  it('that a confirmation shows to be over is not cancelled', async () => {
    const began = begin('goal', 10_000, []);
    asked[0]?.resolve(armed('goal'));
    await began;
    motion.finish('drive');
    assert.deepEqual([did, motion.name], [['begin goal', 'disarm goal'], undefined]);
  });

  it('stops at once when it is halted, by zero velocity and cancellation', async () => {
    const began = begin('a');
    asked[0]?.resolve(armed('a'));
    await began;
    motion.halt('a stop came');
    assert.deepEqual(did, ['begin a', 'zero a', 'stop a', 'disarm a']);
  });

  it('does not start if a stop arrived during the guard’s answer', async () => {
    const began = begin('a');
    motion.halt('a stop came');
    asked[0]?.resolve(armed('a'));
    await assert.rejects(began, /stopped or replaced/);
    assert.deepEqual(did, ['disarm a']);
  });

  it('does not start if the guard refuses, and frees the robot for the next one', async () => {
    const began = begin('a');
    asked[0]?.reject(new Error('nothing hears the guard yet'));
    await assert.rejects(began, /nothing hears the guard yet/);
    assert.deepEqual([did, motion.name], [[], undefined]);
  });

  it('is replaced by the next one of its name, which alone ends it', async () => {
    const first = begin('a', 40);
    asked[0]?.resolve(armed('a'));
    await first;
    const second = begin('b', 80);
    asked[1]?.resolve(armed('b'));
    await second;
    await until(() => motion.name === undefined, 'it ended');
    assert.deepEqual(did, ['begin a', 'begin b', 'zero b', 'disarm b']);
  });

  it('is halted if it can’t be published, and the guard does what ROS refuses', async () => {
    const brakes = { ...drive('a'), zero: () => assert.fail('ROS is gone') };
    const began = motion.begin(motion.claim('drive'), 10_000, brakes, () => assert.fail('no such field'));
    asked[0]?.resolve(armed('a'));
    await assert.rejects(began, /no such field/);
    assert.deepEqual(did, ['trip', 'stop a', 'disarm a']);
  });

  it('is halted at once if the agent stalled until after its end', async () => {
    const began = begin('late', 20);
    await new Promise((resolve) => setTimeout(resolve, 40));
    asked[0]?.resolve(armed('late'));
    await began;
    assert.deepEqual(did, ['begin late', 'zero late', 'stop late', 'disarm late']);
  });
});
