import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nextRoute, routesOf } from '../../src/uplink/brokerRoute.ts';
import { addSpending, metered, monthPassed, stretch } from '../../src/uplink/budget.ts';
import { Quota } from '../../src/uplink/quota.ts';
import { SESSION_TAKEN_OVER, TakeoverWatch } from '../../src/uplink/takeover.ts';

describe('the quota', () => {
  it('never lets more through in a second than a bucket and its refill', () => {
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
            // A message may go into debt by its own size.
            assert.ok(second.reduce((sum, { bytes }) => sum + bytes, 0) <= 200_000 + 60_000);
          }
        },
      ),
    );
  });

  it('says how long to wait, and then lets the message go', () => {
    const quota = new Quota({ messagesPerSecond: 10, bytesPerSecond: null }, 0);
    for (let i = 0; i < 10; i++) quota.spend(1);
    assert.equal(quota.waitMs(0), 100);
    assert.equal(quota.waitMs(100), 0);
  });

  it('is none where none is set', () => {
    const quota = new Quota({ messagesPerSecond: null, bytesPerSecond: null }, 0);
    for (let i = 0; i < 1_000; i++) quota.spend(100_000);
    assert.equal(quota.waitMs(0), 0);
  });
});

describe('the budget', () => {
  it('counts 5 KiB steps in and out, and the acknowledgement', () => {
    assert.deepEqual([metered(1), metered(5_120), metered(5_121), metered(102_400)], [3, 3, 5, 41]);
  });

  it('leaves the interval alone within the month’s share and doubles it while that is overspent', () => {
    assert.equal(stretch(100_000, 250_000, 0.5), 1);
    assert.equal(stretch(140_000, 250_000, 0.5), 2);
    assert.equal(stretch(1_000_000, 250_000, 0.5), 8);
    assert.equal(stretch(1e12, 250_000, 0), 64);
  });

  it('starts anew with each month', () => {
    const november = Date.UTC(2026, 10, 30, 23, 59);
    const spending = addSpending({ month: '2026-11', messages: 10 }, 3, november);
    assert.deepEqual(spending, { month: '2026-11', messages: 13 });
    assert.deepEqual(addSpending(spending, 3, november + 120_000), { month: '2026-12', messages: 3 });
    assert.ok(monthPassed(november) > 0.999);
  });
});

describe('the way to the broker', () => {
  it('is 8883, then 443 with ALPN, where nothing got through', () => {
    const routes = routesOf(undefined);
    assert.deepEqual(routes, [
      { port: 8883, alpn: undefined },
      { port: 443, alpn: 'x-amzn-mqtt-ca' },
    ]);
    assert.equal(nextRoute(routes, 0, 'broker_unreachable'), 1);
    assert.equal(nextRoute(routes, 1, 'broker_hung_up'), 0);
    assert.equal(nextRoute(routes, 0, 'certificate_refused'), 0);
  });

  it('is the configured port alone where one is configured', () => {
    assert.equal(nextRoute(routesOf(18_883), 0, 'broker_unreachable'), 0);
  });
});

describe('the takeover watch', () => {
  const told = { told: true, waitMs: 300_000 };
  const guessed = { told: false, waitMs: 60_000 };

  it('sees a loop in three losses of which the broker says why', () => {
    const watch = new TakeoverWatch(30_000);
    assert.deepEqual(
      [0, 1, 2].map((i) => watch.ended(i * 60_000, 30_000, SESSION_TAKEN_OVER)),
      [undefined, undefined, told],
    );
  });

  it('sees one in the rhythm where the broker says nothing, though each backs off and lasts longer', () => {
    const watch = new TakeoverWatch(30_000);
    assert.deepEqual(
      [1, 3, 5, 9, 16].map((s) => watch.ended(s * 10_000, s * 1_000, undefined)),
      [undefined, undefined, undefined, undefined, guessed],
    );
  });

  it('goes on seeing it at the pace of the long wait, until a connection has lasted', () => {
    const watch = new TakeoverWatch(30_000);
    for (let i = 0; i < 5; i++) watch.ended(i * 10_000, 1_000, undefined);
    assert.deepEqual(watch.ended(360_000, 300_000, undefined), guessed);
    watch.over();
    assert.equal(watch.isTaken, false);
    assert.equal(watch.ended(360_000, 1_000, undefined), undefined);
  });

  it('takes a bad link for what it is', () => {
    const watch = new TakeoverWatch(30_000);
    for (let i = 0; i < 50; i++) assert.equal(watch.ended(i * 10_000, 1_000, 'ECONNRESET'), undefined);
    for (let i = 0; i < 50; i++) assert.equal(watch.ended(i * 60_000, 50_000, undefined), undefined);
    const impatient = new TakeoverWatch(5_000);
    const ended = Array.from({ length: 50 }, (_, i) => impatient.ended(i * 10_000, 7_500, undefined));
    assert.deepEqual(new Set(ended), new Set([undefined]), 'a slow link held the keepalive up, and the broker hung up');
  });
});
