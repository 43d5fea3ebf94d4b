// Runs the uplink against brokers that misbehave as the documentation of AWS IoT Core describes, or as bad networks do. In the end every
// row must be acknowledged, and the window must hold. BAD_BROKER_RUNS=50 repeats each case 50 times.
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
const DEADLINE_MS = 20_000;

/** Each broker misbehaves during its first publishes or connects, and works afterwards. */
const BROKERS: readonly { fault: string; script: () => Script; raises?: string }[] = [
  {
    fault: 'discards publishes without a PUBACK, as IoT Core does above its quota',
    script: () => ({ onPublish: (_packet, _wire, published) => published % 3 !== 0 || published > 12 }),
  },
  {
    fault: 'acknowledges after the deadline',
    script: () => ({
      onPublish: ({ messageId }, wire, published) => {
        if (published > 5) return true;
        setTimeout(() => wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 }), 300);
        return false;
      },
    }),
  },
  {
    fault: 'acknowledges packet ids that were never sent',
    script: () => ({
      onPublish: ({ messageId }, wire) => {
        wire.send({ cmd: 'puback', messageId: ((messageId ?? 0) % 60_000) + 5_000, reasonCode: 0 });
        return true;
      },
    }),
  },
  {
    fault: 'acknowledges twice',
    script: () => ({
      onPublish: ({ messageId }, wire) => {
        wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 });
        return true;
      },
    }),
  },
  {
    fault: 'does not answer the first CONNECTs',
    script: () => ({ onConnect: (_wire, connects) => connects > 2 }),
    raises: 'broker_silent',
  },
  {
    fault: 'reports a takeover (DISCONNECT 0x8E)',
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
    fault: 'reports an exceeded quota (DISCONNECT 0x97)',
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
    fault: 'stops answering on an open connection',
    script: () => ({
      onPublish: (_packet, wire, published) => {
        if (published === 4) wire.mute();
        return published !== 4;
      },
    }),
    raises: 'mqtt_ended',
  },
  {
    fault: 'cuts the connection at every fourth publish',
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
    fault: 'refuses the first publish as not authorized (0x87)',
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

  for (const { fault, script, raises } of BROKERS) {
    it(`${fault} acknowledges every row in the end`, async () => {
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
          const untilMs = performance.now() + DEADLINE_MS;
          while (broker.taken.size < bench.outbox.accepted && performance.now() < untilMs) {
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
          assert.equal(broker.taken.size, bench.outbox.accepted, `run ${run}`);
          assert.ok(broker.mostInFlight <= WINDOW + ALERT_SLOTS, `${broker.mostInFlight} messages in flight`);
          if (raises) assert.ok(bench.raised.includes(raises), `${raises} is not among ${bench.raised.join(', ')}`);
        } finally {
          await bench.stop();
          await broker.stop();
        }
      }
    });
  }
});
