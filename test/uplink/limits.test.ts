import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addSpending, metered, monthPassed, Quota, stretch } from '../../src/uplink/limits.ts';

describe('the quota', () => {
  it('never allows more in a second than a full bucket and its refill', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 60_000 })), { maxLength: 400 }),
        (steps) => {
          const quota = new Quota({ messagesPerSecond: 50, bytesPerSecond: 100_000 }, 0);
          const sent: { atMs: number; bytes: number }[] = [];
          let nowMs = 0;
          for (const [gapMs, bytes] of steps) {
            nowMs += gapMs;
            if (quota.waitMs(nowMs) > 0) continue;
            quota.spend(bytes);
            sent.push({ atMs: nowMs, bytes });
          }
          for (const { atMs } of sent) {
            const second = sent.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1_000);
            assert.ok(second.length <= 100, `${second.length} messages in a second`);
            // The last message may overdraw the bucket by its own size.
            assert.ok(second.reduce((sum, { bytes }) => sum + bytes, 0) <= 200_000 + 60_000);
          }
        },
      ),
    );
  });

  it('returns the time to wait, and then allows the message', () => {
    const quota = new Quota({ messagesPerSecond: 10, bytesPerSecond: null }, 0);
    for (let i = 0; i < 10; i++) quota.spend(1);
    assert.equal(quota.waitMs(0), 100);
    assert.equal(quota.waitMs(100), 0);
  });

  it('never delays a message without limits', () => {
    const quota = new Quota({ messagesPerSecond: null, bytesPerSecond: null }, 0);
    for (let i = 0; i < 1_000; i++) quota.spend(100_000);
    assert.equal(quota.waitMs(0), 0);
  });
});

describe('the budget', () => {
  it('counts the 5 KiB steps of the publish and the delivery, and one acknowledgement', () => {
    assert.deepEqual([metered(1), metered(5_120), metered(5_121), metered(102_400)], [3, 3, 5, 41]);
  });

  it('keeps the interval within the month’s share, and doubles it while spending is above that', () => {
    assert.equal(stretch(100_000, 250_000, 0.5), 1);
    assert.equal(stretch(140_000, 250_000, 0.5), 2);
    assert.equal(stretch(1_000_000, 250_000, 0.5), 8);
    assert.equal(stretch(1e12, 250_000, 0), 64);
  });

  it('starts again at zero each month', () => {
    const november = Date.UTC(2026, 10, 30, 23, 59);
    const spending = addSpending({ month: '2026-11', messages: 10 }, 3, november);
    assert.deepEqual(spending, { month: '2026-11', messages: 13 });
    assert.deepEqual(addSpending(spending, 3, november + 120_000), { month: '2026-12', messages: 3 });
    assert.ok(monthPassed(november) > 0.999);
  });
});
