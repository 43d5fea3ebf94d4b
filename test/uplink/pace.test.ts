// Simulates a fleet that loses its broker, and checks the waits of a single robot.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Explanation } from '../../src/uplink/losses/explain.ts';
import { Pace, type PaceLimits } from '../../src/uplink/pace.ts';

const LIMITS: PaceLimits = { minMs: 1_000, spreadMs: 30_000, maxMs: 300_000 };
const STABLE_MS = 3_600_000;
const ROBOTS = 3_000;
const CONNECT_MS = 100;

interface Returned {
  /** Connection attempts in the busiest second after the broker's return. */
  readonly peak: number;
  /** Seconds until all robots are connected again. */
  readonly allS: number;
}

/** All robots lose a broker at the same moment. It is back after `awayMs`. */
function returning(awayMs: number, limits: PaceLimits, isUrgent = false): Returned {
  const random = xorshift(21);
  const returnedMs = Array.from({ length: ROBOTS }, () => {
    const pace = new Pace(limits);
    pace.ended(STABLE_MS, true, undefined);
    let nowMs = 0;
    for (;;) {
      nowMs += pace.waitMs(isUrgent, random());
      if (nowMs >= awayMs) return nowMs - awayMs;
      pace.failed(undefined);
      nowMs += CONNECT_MS;
    }
  }).sort((a, b) => a - b);
  const perSecond = new Map<number, number>();
  for (const ms of returnedMs) perSecond.set(Math.floor(ms / 1_000), (perSecond.get(Math.floor(ms / 1_000)) ?? 0) + 1);
  return { peak: Math.max(...perSecond.values()), allS: (returnedMs.at(-1) ?? 0) / 1_000 };
}

/** Random numbers with 0 <= x < 1 that are the same in each run. */
function xorshift(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

describe('3,000 robots that lose their broker at the same moment', () => {
  for (const [what, awayMs] of [
    ['a restart of 0.2 s', 200],
    ['a restart of 5 s', 5_000],
    ['a restart of 30 s', 30_000],
    ['an outage of 10 min', 600_000],
    ['an outage of 6 h', 21_600_000],
  ] as const) {
    it(`make at most 150 connections in a second after ${what}, and all are back within 6 min`, () => {
      const { peak, allS } = returning(awayMs, LIMITS);
      assert.ok(peak <= 150, `${peak}`);
      assert.ok(allS <= 360, `${allS} s`);
    });
  }

  it('would make 2,000 in a second without the spread', () => {
    assert.ok(returning(200, { ...LIMITS, spreadMs: 2 * LIMITS.minMs }).peak > 2_000);
  });

  it('are back within 2 s if each of them has an alert', () => {
    assert.ok(returning(200, LIMITS, true).allS <= 2);
  });
});

describe('the wait of one robot', () => {
  const waits = (pace: Pace, isUrgent = false) => [0, 0.999_999].map((random) => Math.round(pace.waitMs(isUrgent, random) / 100) / 10);

  it('is spread only after the broker has ended a stable connection', () => {
    const pace = new Pace(LIMITS);
    pace.ended(59_000, true, undefined);
    assert.deepEqual(waits(pace), [1, 2], 'a new connection');
    pace.ended(STABLE_MS, false, undefined);
    assert.deepEqual(waits(pace), [1, 2], 'the robot noticed a dead path');
    pace.ended(STABLE_MS, true, undefined);
    assert.deepEqual(waits(pace), [1, 30]);
    pace.failed(undefined);
    assert.deepEqual(waits(pace), [1, 60]);
    for (let i = 0; i < 100; i++) pace.failed(undefined);
    assert.deepEqual(waits(pace), [1, 300]);
    pace.linkUp();
    pace.failed(undefined);
    assert.deepEqual(waits(pace), [1, 2], 'its own link came up');
  });

  it('is short while an alert waits, whatever has happened', () => {
    const causes: (Explanation | undefined)[] = [undefined, { kind: 'taken', isReported: true }, { kind: 'limit', lastedMs: 200_000 }];
    for (const cause of causes) {
      const pace = new Pace(LIMITS);
      pace.ended(STABLE_MS, true, cause);
      assert.deepEqual(waits(pace, true), [1, 2]);
    }
  });

  it('depends on what ended the connection', () => {
    const after = (cause: Explanation) => {
      const pace = new Pace(LIMITS);
      for (let i = 0; i < 6; i++) pace.ended(10_000, true, cause);
      return waits(pace);
    };
    assert.deepEqual(after({ kind: 'taken', isReported: true }), [225, 375]);
    assert.deepEqual(after({ kind: 'taken', isReported: false }), [45, 75]);
    assert.deepEqual(after({ kind: 'idle', idleMs: 10_000 }), [1, 2]);
    assert.deepEqual(after({ kind: 'limit', lastedMs: 10_000 }), [1, 10], 'it is online for most of the time');
    assert.deepEqual(after({ kind: 'limit', lastedMs: 600_000 }), [1, 30]);
    assert.deepEqual(after({ kind: 'restarts', times: 5 }), [1, 64]);
  });

  it('is never shorter than the shortest, nor longer than the longest', () => {
    const limits = fc
      .tuple(fc.integer({ min: 100, max: 60_000 }), fc.integer({ min: 0, max: 3_600_000 }), fc.integer({ min: 1_000, max: 3_600_000 }))
      .map(([minMs, more, spreadMs]) => ({ minMs, maxMs: minMs + more, spreadMs }));
    fc.assert(
      fc.property(
        limits,
        fc.array(fc.boolean()),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.boolean(),
        (given, ends, random, isUrgent) => {
          const pace = new Pace(given);
          pace.ended(STABLE_MS, true, undefined);
          for (const isLost of ends) isLost ? pace.ended(10, true, undefined) : pace.failed(undefined);
          const ms = pace.waitMs(isUrgent, random);
          assert.ok(ms >= given.minMs && ms <= given.maxMs, `${ms}`);
        },
      ),
    );
  });
});
