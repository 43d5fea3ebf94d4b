import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paceOf } from '../../src/agent/sensing/pace.ts';

const QOS = { reliability: 'reliable', durability: 'volatile', depth: 1_000 } as const;
const telemetry = { class: 'telemetry' } as const;

describe('how a channel’s samples are received', () => {
  it('samples of alerts do not wait and are all processed, whatever the options', () => {
    for (const isLarge of [false, true]) assert.deepEqual(paceOf({ class: 'alert', max_rate: 1 }, QOS, isLarge), { qos: QOS });
  });

  it('telemetry may gather for 50 ms, and at most 1,000 samples per second are processed by default', () => {
    assert.deepEqual(paceOf(telemetry, QOS, false), { qos: QOS, everyMs: 50, maxPerSecond: 1_000 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 7 }, QOS, false), { qos: QOS, everyMs: 50, maxPerSecond: 7 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: null }, QOS, false), { qos: QOS, everyMs: 50 });
  });

  it('gathering samples get a deeper queue, except for a latched publisher', () => {
    assert.equal(paceOf(telemetry, { ...QOS, depth: 5 }, false).qos.depth, 100);
    assert.equal(paceOf(telemetry, { ...QOS, depth: 5, durability: 'transient_local' }, false).qos.depth, 5);
  });

  it('the newest of large messages is taken once a second, or at the configured rate', () => {
    const newest = { ...QOS, depth: 1 };
    assert.deepEqual(paceOf(telemetry, QOS, true), { qos: newest, everyMs: 1_000 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 4 }, QOS, true), { qos: newest, everyMs: 250 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 1_000 }, QOS, true), { qos: newest, everyMs: 50 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: null }, QOS, true), { qos: QOS, everyMs: 50 });
  });

  it('a topic with max_silence is processed twice within that time', () => {
    assert.equal(paceOf({ ...telemetry, max_silence: 500 }, QOS, true).everyMs, 250);
    assert.equal(paceOf({ ...telemetry, max_silence: 60_000 }, QOS, true).everyMs, 1_000);
  });
});
