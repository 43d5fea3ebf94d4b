import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import pino from 'pino';
import { Problems } from '../../src/status/index.ts';
import { applyReceipt } from '../../src/uplink/messages.ts';
import type { Receipt } from '../../src/wire/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

const SENT_MS = Date.UTC(2027, 0, 2);

describe('the cloud’s time in a receipt', () => {
  let bench: OutboxBench;
  beforeEach(() => {
    bench = outboxBench();
  });
  afterEach(() => bench.remove());

  /** @returns the cloud's times that the receipt led to, each with the monotonic time of the robot's message. */
  const timesOf = (over: Partial<Receipt>): [number, number][] => {
    const { outbox, lifetime, clock } = bench;
    const times: [number, number][] = [];
    const receipt: Receipt = {
      ...{ thing: 'bot', outbox: outbox.id, at: SENT_MS, sent_at: SENT_MS, accepted: 0, mark: [lifetime.boot, 4_000] },
      ...{ through: 0, after: 0, to: null, also: [] },
      ...over,
    };
    applyReceipt(Buffer.from(JSON.stringify(receipt)), {
      thing: 'bot',
      outbox,
      lifetime,
      problems: new Problems(clock.mono, () => {}),
      log: pino({ level: 'silent' }),
      onCloudTime: (...time) => times.push(time),
    });
    return times;
  };

  it('is taken with the time of the message that the cloud had handled before', () => {
    assert.deepEqual(timesOf({}), [[SENT_MS, 4_000]]);
  });

  it('is not taken if the message is of another run, also of a later one', () => {
    const { boot } = bench.lifetime;
    assert.deepEqual(timesOf({ mark: [boot - 1, 4_000] }), []);
    assert.deepEqual(timesOf({ mark: [boot + 1, 4_000] }), []);
  });

  it('is not taken from `at`, which is for people', () => {
    assert.deepEqual(timesOf({ sent_at: undefined, at: 0 }), []);
  });

  it('is not taken from a receipt that is false', () => {
    assert.deepEqual(timesOf({ thing: 'another' }), []);
    assert.deepEqual(timesOf({ accepted: 1_000, through: 1_000 }), []);
    assert.deepEqual(timesOf({ outbox: 'unknown' }), []);
  });
});
