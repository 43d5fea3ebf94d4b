// Brokers that misbehave: what AWS IoT Core is documented to do, and what networks do. Whatever happens, every row is acknowledged
// in the end, the window holds, and alerts arrive. More runs of each: BAD_BROKER_RUNS=50.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { type Script, ScriptedBroker } from '../support/scriptedBroker.ts';
import { startUplink } from '../support/uplink.ts';

const RUNS = Number(process.env.BAD_BROKER_RUNS ?? 2);
const ROWS = 60;
const ALERT_SLOTS = 4;
const WINDOW = 20;
const PATIENCE_MS = 20_000;

/** Each misbehaves for the first publishes or connects, then is good: what matters is that all is well after. */
const BAD: readonly { what: string; script: () => Script; raises?: string }[] = [
  {
    what: 'discards publishes without a PUBACK, as IoT Core does over its quota',
    script: () => ({ onPublish: (_packet, _wire, published) => published % 3 !== 0 || published > 12 }),
  },
  {
    what: 'acknowledges late, beyond the deadline',
    script: () => ({
      onPublish: ({ messageId }, wire, published) => {
        if (published > 5) return true;
        setTimeout(() => wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 }), 300);
        return false;
      },
    }),
  },
  {
    what: 'acknowledges numbers that were never sent',
    script: () => ({
      onPublish: ({ messageId }, wire) => {
        wire.send({ cmd: 'puback', messageId: ((messageId ?? 0) % 60_000) + 5_000, reasonCode: 0 });
        return true;
      },
    }),
  },
  {
    what: 'acknowledges twice',
    script: () => ({
      onPublish: ({ messageId }, wire) => {
        wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 });
        return true;
      },
    }),
  },
  { what: 'never answers a CONNECT', script: () => ({ onConnect: (_wire, connects) => connects > 2 }), raises: 'broker_unreachable' },
  {
    what: 'takes the session over (DISCONNECT 0x8E)',
    script: () => ({
      onPublish: (_packet, wire, published) => {
        if (published !== 3) return true;
        wire.send({ cmd: 'disconnect', reasonCode: 0x8e });
        wire.cut();
        return false;
      },
    }),
    raises: 'mqtt_ended',
  },
  {
    what: 'says quota exceeded (DISCONNECT 0x97)',
    script: () => ({
      onPublish: (_packet, wire, published) => {
        if (published % 4 !== 0 || published > 8) return true;
        wire.send({ cmd: 'disconnect', reasonCode: 0x97 });
        wire.cut();
        return false;
      },
    }),
    raises: 'mqtt_ended',
  },
  {
    what: 'goes silent with the connection open',
    script: () => ({
      onPublish: (_packet, wire, published) => {
        if (published === 4) wire.mute();
        return published !== 4;
      },
    }),
    raises: 'mqtt_ended',
  },
  {
    what: 'cuts the connection at every fourth publish',
    script: () => ({
      onPublish: (_packet, wire, published) => {
        if (published % 4 !== 0 || published > 12) return true;
        wire.cut();
        return false;
      },
    }),
    raises: 'mqtt_ended',
  },
  {
    what: 'refuses the first publishes as not authorized (0x87)',
    script: () => ({
      onPublish: ({ messageId }, wire, published) => {
        if (published > 1) return true;
        wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0x87 });
        return false;
      },
    }),
  },
];

describe('a broker that', { timeout: 600_000 }, () => {
  let folder: string;
  let files: BenchFiles;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-brokers-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });

  after(() => rmSync(folder, { recursive: true }));

  for (const { what, script, raises } of BAD) {
    it(`${what}: every row is acknowledged in the end`, async () => {
      for (let run = 0; run < RUNS; run++) {
        const broker = await ScriptedBroker.start(files, script());
        const bench = startUplink(files, broker.port);
        try {
          for (let i = 0; i < ROWS; i++) {
            bench.outbox.append({ class: 'telemetry', channel: 'temperature', value: i });
            if (i % 10 === 0) bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
            if (i % 15 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
          }
          bench.outbox.flush();
          const untilMs = performance.now() + PATIENCE_MS;
          while (broker.taken.size < bench.outbox.accepted && performance.now() < untilMs) {
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
          assert.equal(broker.taken.size, bench.outbox.accepted, `run ${run}`);
          assert.ok(broker.mostInFlight <= WINDOW + ALERT_SLOTS, `${broker.mostInFlight} on their way`);
          if (raises) assert.ok(bench.raised.includes(raises), `${raises} is among ${bench.raised.join(', ')}`);
        } finally {
          await bench.stop();
          await broker.stop();
        }
      }
    });
  }
});
