import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Clock } from '../../src/clock/index.ts';
import { Problems } from '../../src/status/index.ts';
import { NO_LIMITS } from '../../src/uplink/brokerLimits.ts';
import { type PresenceOptions, PresencePublisher } from '../../src/uplink/presence.ts';
import { type Presence, presence } from '../../src/wire/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

const CHECK_EVERY_MS = 5;

describe('the presence', { timeout: 300_000 }, () => {
  let bench: OutboxBench;
  before(() => {
    bench = outboxBench();
  });
  after(() => bench.remove());

  const linkTo = (onPresence: (message: Presence) => void) => ({
    publish: (_topic: string, payload: string | Buffer, answered: (error?: Error) => void) => {
      answered();
      onPresence(presence.parse(JSON.parse(String(payload))));
    },
    limits: NO_LIMITS,
    ended: new Promise<undefined>(() => {}),
    subscribe: () => Promise.resolve(),
    close: () => Promise.resolve(),
    drop: () => {},
  });

  const publisherWith = (clock: Clock, telemetryEveryMs: () => number, outbox: PresenceOptions['outbox'] = bench.outbox) =>
    new PresencePublisher({
      thing: 'elderly-bot',
      topic: 'elderly_bot/presence',
      ackTimeoutMs: 20_000,
      version: '0.0.0',
      outbox,
      clock,
      lifetime: bench.lifetime,
      problems: new Problems(clock.mono, () => {}),
      commands: [],
      channels: () => ['gas'],
      telemetryEveryMs,
    });

  it('is one message after a connect, although receipts are overdue', async () => {
    const outbox = { oldestUncoveredMs: () => 100_000, unfinishedOutboxes: () => [] };
    let checks = 0;
    let onCheck = () => {};
    const checked = new Promise<void>((resolve) => (onCheck = resolve));
    let sent = 0;
    const publisher = publisherWith(
      bench.clock,
      () => {
        if (++checks === 5) onCheck();
        return 60_000;
      },
      outbox,
    );
    const link = linkTo(() => {
      sent++;
    });
    publisher.publish(link, 's-1');
    const alive = setInterval(() => {}, 1_000);
    const ticker = publisher.repeat(() => publisher.publish(link, 's-1'), false, CHECK_EVERY_MS);
    await checked;
    ticker.stop();
    clearInterval(alive);
    assert.equal(sent, 1);
  });

  it('lists the open outbox and the oldest ones that fit, of a robot that started very often without its cloud', () => {
    const all = Array.from({ length: 3_000 }, (_, n): [string, number] => [`outbox-${n}`, 1]);
    const publisher = publisherWith(bench.clock, () => 60_000, { oldestUncoveredMs: () => 0, unfinishedOutboxes: () => all });
    let listed: readonly (readonly [string, number])[] = [];
    const link = linkTo((message) => {
      listed = message.outboxes ?? [];
    });
    publisher.publish({ ...link, limits: { ...NO_LIMITS, maxPacketBytes: 8_192 } }, 's-1');
    assert.ok(listed.length > 100 && listed.length < 500, `${listed.length} outboxes`);
    assert.deepEqual([listed[0], listed[1], listed.at(-1)], [all[0], all[1], all.at(-1)]);
  });

  it('is published again before the telemetry interval becomes longer, but not when it becomes shorter', async () => {
    const sent: Presence[] = [];
    let onPublished = () => {};
    const link = linkTo((message) => {
      sent.push(message);
      onPublished();
    });
    const nextPresence = () => new Promise<void>((resolve) => (onPublished = resolve));
    let onCheck = () => {};
    const nextCheck = () => new Promise<void>((resolve) => (onCheck = resolve));
    let everyMs = 60_000;
    const publisher = publisherWith(bench.clock, () => {
      onCheck();
      return everyMs;
    });
    publisher.publish(link, 's-1');
    // The ticker alone does not keep the process alive.
    const alive = setInterval(() => {}, 1_000);
    const ticker = publisher.repeat(() => publisher.publish(link, 's-1'), false, CHECK_EVERY_MS);
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

  it('is a sign of life every 5 minutes over a metered connection, which carries no telemetry', async () => {
    let nowMs = 0;
    const sentMs: number[] = [];
    const publisher = publisherWith({ ...bench.clock, mono: () => nowMs }, () => 60_000);
    let onThird = () => {};
    const third = new Promise<void>((resolve) => (onThird = resolve));
    const link = linkTo(() => {
      sentMs.push(nowMs);
      if (sentMs.length === 3) onThird();
    });
    publisher.publish(link, 's-1');
    const advance = setInterval(() => (nowMs += 50_000), 1);
    const ticker = publisher.repeat(() => publisher.publish(link, 's-1'), true, 1);
    await third;
    ticker.stop();
    clearInterval(advance);
    const [first = 0, second = 0, last = 0] = sentMs;
    assert.ok(second - first >= 300_000 && last - second >= 300_000, sentMs.join());
  });
});
