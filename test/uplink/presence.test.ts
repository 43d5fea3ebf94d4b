import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Problems } from '../../src/status/index.ts';
import { NO_LIMITS } from '../../src/uplink/brokerLimits.ts';
import { PresencePublisher } from '../../src/uplink/presence.ts';
import { type Presence, presence } from '../../src/wire/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

const CHECK_EVERY_MS = 5;

describe('the telemetry interval in the presence', { timeout: 20_000 }, () => {
  let bench: OutboxBench;
  before(() => {
    bench = outboxBench();
  });
  after(() => bench.remove());

  it('is published again before it becomes longer, but not when it becomes shorter', async () => {
    const sent: Presence[] = [];
    let onPublished = () => {};
    const link = {
      publish: (_topic: string, payload: string | Buffer, answered: (error?: Error) => void) => {
        sent.push(presence.parse(JSON.parse(String(payload))));
        answered();
        onPublished();
      },
      limits: NO_LIMITS,
      ended: new Promise<undefined>(() => {}),
      subscribe: () => Promise.resolve(),
      close: () => Promise.resolve(),
      drop: () => {},
    };
    const nextPresence = () => new Promise<void>((resolve) => (onPublished = resolve));
    let onCheck = () => {};
    const nextCheck = () => new Promise<void>((resolve) => (onCheck = resolve));
    let everyMs = 60_000;
    const publisher = new PresencePublisher({
      thing: 'elderly-bot',
      topic: 'elderly_bot/presence',
      ackTimeoutMs: 20_000,
      version: '0.0.0',
      outbox: bench.outbox,
      clock: bench.clock,
      lifetime: bench.lifetime,
      problems: new Problems(bench.clock.mono, () => {}),
      commands: [],
      channels: () => ['gas'],
      telemetryEveryMs: () => {
        onCheck();
        return everyMs;
      },
    });
    publisher.publish(link, 's-1');
    // The ticker alone does not keep the process alive.
    const alive = setInterval(() => {}, 1_000);
    const ticker = publisher.repeat(() => publisher.publish(link, 's-1'), CHECK_EVERY_MS);
    try {
      for (const longer of [120_000, 240_000]) {
        const published = nextPresence();
        everyMs = longer;
        await published;
        everyMs = 60_000;
        await nextCheck();
        await nextCheck();
      }
    } finally {
      ticker.stop();
      clearInterval(alive);
    }
    assert.deepEqual(
      sent.map(({ telemetry_every_ms }) => telemetry_every_ms),
      [60_000, 120_000, 240_000],
    );
    assert.equal('telemetry_every_ms' in publisher.will('s-1'), false);
  });
});
