import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paceOf } from '../../src/agent/sensing/pace.ts';

const RELIABLE = { reliability: 'reliable', durability: 'volatile', depth: 1_000 } as const;
const QOS = [RELIABLE];
const telemetry = { class: 'telemetry' } as const;

describe('the pace of a channel', () => {
  it('delays and drops no sample of an alert, whatever the options', () => {
    for (const isLarge of [false, true]) assert.deepEqual(paceOf({ class: 'alert', max_rate: 1 }, QOS, isLarge), { qos: QOS });
  });

  it('delays telemetry for up to 50 ms, and processes at most 1,000 samples per second by default', () => {
    assert.deepEqual(paceOf(telemetry, QOS, false), { qos: QOS, everyMs: 50, maxPerSecond: 1_000 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 7 }, QOS, false), { qos: QOS, everyMs: 50, maxPerSecond: 7 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: null }, QOS, false), { qos: QOS, everyMs: 50 });
  });

  it('deepens the queue of delayed samples, except for a latched publisher', () => {
    assert.equal(paceOf(telemetry, [{ ...RELIABLE, depth: 5 }], false).qos[0]?.depth, 100);
    assert.equal(paceOf(telemetry, [{ ...RELIABLE, depth: 5, durability: 'transient_local' }], false).qos[0]?.depth, 5);
  });

  it('processes the newest large message once per second, or at the configured rate', () => {
    const newest = [{ ...RELIABLE, depth: 1 }];
    assert.deepEqual(paceOf(telemetry, QOS, true), { qos: newest, everyMs: 1_000 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 4 }, QOS, true), { qos: newest, everyMs: 250 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: 1_000 }, QOS, true), { qos: newest, everyMs: 50 });
    assert.deepEqual(paceOf({ ...telemetry, max_rate: null }, QOS, true), { qos: QOS, everyMs: 50 });
  });

  it('processes a topic with max_silence twice within that time', () => {
    assert.equal(paceOf({ ...telemetry, max_silence: 500 }, QOS, true).everyMs, 250);
    assert.equal(paceOf({ ...telemetry, max_silence: 60_000 }, QOS, true).everyMs, 1_000);
  });
});
