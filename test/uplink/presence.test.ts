import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PresencePublisher } from '../../src/uplink/presence.ts';
import { type Presence, presence } from '../../src/wire/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

const LOOK_EVERY_MS = 5;

describe('what the robot says of its pace', { timeout: 20_000 }, () => {
  let bench: OutboxBench;
  before(() => {
    bench = outboxBench();
  });
  after(() => bench.remove());

  it('is in every presence, and said again before it speaks more rarely, not each time that it speaks more often', async () => {
    const said: Presence[] = [];
    let onPublished = () => {};
    const link = {
      publish: (_topic: string, payload: string | Buffer, answered: (error?: Error) => void) => {
        said.push(presence.parse(JSON.parse(String(payload))));
        answered();
        onPublished();
      },
      ended: new Promise<undefined>(() => {}),
      subscribe: () => Promise.resolve(),
      close: () => Promise.resolve(),
      drop: () => {},
    };
    const next = () => new Promise<void>((resolve) => (onPublished = resolve));
    let looked = () => {};
    const look = () => new Promise<void>((resolve) => (looked = resolve));
    let everyMs = 60_000;
    const greeting = new PresencePublisher({
      thing: 'elderly-bot',
      topic: 'elderly_bot/presence',
      version: '0.0.0',
      outbox: bench.outbox,
      clock: bench.clock,
      lifetime: bench.lifetime,
      commands: [],
      telemetryEveryMs: () => {
        looked();
        return everyMs;
      },
      onAnswer: () => {},
    });
    greeting.say(link, 's-1');
    // The ticker keeps no process alive.
    const alive = setInterval(() => {}, 1_000);
    const ticker = greeting.repeat(link, 's-1', LOOK_EVERY_MS);
    try {
      for (const longer of [120_000, 240_000]) {
        const told = next();
        everyMs = longer;
        await told;
        everyMs = 60_000;
        await look();
        await look();
      }
    } finally {
      ticker.stop();
      clearInterval(alive);
    }
    assert.deepEqual(
      said.map(({ telemetry_every_ms }) => telemetry_every_ms),
      [60_000, 120_000, 240_000],
    );
    assert.equal('telemetry_every_ms' in greeting.will('s-1'), false);
  });
});
