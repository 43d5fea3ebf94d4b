import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paceOf } from '../../src/agent/sensing/pace.ts';

const QOS = { reliability: 'reliable', durability: 'volatile', depth: 1_000 } as const;
const telemetry = { class: 'telemetry' } as const;

describe('how a channel’s samples are received', () => {
  it('an alert’s wait for nothing and are all looked at, whatever else is asked', () => {
    for (const isLarge of [false, true]) assert.deepEqual(paceOf({ class: 'alert', max_rate: 1 }, QOS, isLarge), { qos: QOS });
  });

  it('telemetry may gather for 50 ms, and is looked at 1,000 times a second at most unless it is said otherwise', () => {
    assert.deepEqual(paceOf(telemetry, QOS, false), { qos: QOS, everyMs: 50, maxPerSecond: 1_000 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 7 }, QOS, false), { qos: QOS, everyMs: 50, maxPerSecond: 7 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: null }, QOS, false), { qos: QOS, everyMs: 50 });
  });

  it('what gathers has room, but for what a latched publisher kept', () => {
    assert.equal(paceOf(telemetry, { ...QOS, depth: 5 }, false).qos.depth, 100);
    assert.equal(paceOf(telemetry, { ...QOS, depth: 5, durability: 'transient_local' }, false).qos.depth, 5);
  });

  it('of large messages the newest is taken once a second, or as often as asked', () => {
    const newest = { ...QOS, depth: 1 };
    assert.deepEqual(paceOf(telemetry, QOS, true), { qos: newest, everyMs: 1_000 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 4 }, QOS, true), { qos: newest, everyMs: 250 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 1_000 }, QOS, true), { qos: newest, everyMs: 50 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: null }, QOS, true), { qos: QOS, everyMs: 50 });
  });

  it('a topic whose silence is an alarm is looked at twice in the time it may be silent', () => {
    assert.equal(paceOf({ ...telemetry, max_silence: 500 }, QOS, true).everyMs, 250);
    assert.equal(paceOf({ ...telemetry, max_silence: 60_000 }, QOS, true).everyMs, 1_000);
  });
});
