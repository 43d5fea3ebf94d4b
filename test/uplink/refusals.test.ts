import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink } from '../support/uplink.ts';

describe('a test of new credentials', { timeout: 300_000 }, () => {
  it('fails as not authorized if the broker refuses the presence', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-refusals-'));
    const files = await benchCertificates(folder, 'elderly-bot');
    const credentials = readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key });
    const broker = await ScriptedBroker.start(files);
    const bench = startUplink(files, broker.port);
    try {
      await until(() => bench.uplink.status().acknowledged.length > 0, 'the first presence is acknowledged');
      broker.behave({
        onPublish: ({ messageId }, wire) => {
          wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0x87 });
          return false;
        },
      });
      const result = await bench.uplink.change(credentials);
      assert.deepEqual([result.works, !result.works && result.step, !result.works && result.cause], [false, 'publish', 'not_authorized']);
    } finally {
      await bench.stop();
      await broker.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
