// Checks the order of the first requests of a connection.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { benchCertificates } from '../../src/identity/index.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { PATIENT, startUplink } from '../support/uplink.ts';

describe('a new connection', { timeout: 300_000 }, () => {
  it('sends a pending alert first, without an answer to the subscriptions, and its presence after these answers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-order-'));
    const files = await benchCertificates(folder, 'elderly-bot');
    const order: string[] = [];
    const answers: (() => void)[] = [];
    const broker = await ScriptedBroker.start(files, {
      onSubscribe: (wire, topics, messageId) => {
        order.push(...topics);
        answers.push(() => wire.send({ cmd: 'suback', messageId, granted: [1] }));
        return false;
      },
      onPublish: ({ topic }) => {
        order.push(topic);
        return true;
      },
    });
    const bench = startUplink(files, broker.port, PATIENT);
    try {
      bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      await until(() => answers.length === 2 && broker.taken.size === 1, 'the alert is acknowledged');
      const { length } = order;
      assert.deepEqual(order.slice(0, 3), ['elderly_bot/telemetry', 'elderly_bot/receipts', 'elderly_bot/commands']);
      assert.ok(!order.includes('elderly_bot/presence'));
      for (const answer of answers) answer();
      await until(() => order.slice(length).includes('elderly_bot/presence'), 'the presence follows');
    } finally {
      await bench.stop();
      await broker.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
