// Checks the reports of refused certificates: their texts and their causes.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink } from '../support/uplink.ts';

describe('a certificate of another CA', { skip: findMosquitto() ? false : 'Mosquitto is not installed', timeout: 60_000 }, () => {
  it('is reported with a readable text, without OpenSSL’s numbers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-refusals-'));
    const files = await benchCertificates(join(folder, 'ours'), 'elderly-bot');
    const { robot } = await benchCertificates(join(folder, 'theirs'), 'elderly-bot');
    const broker = await Mosquitto.start({ certificates: files });
    const credentials = readCredentials({ rootCa: files.ca, certFile: robot.cert, privateKey: robot.key });
    const bench = startUplink(files, broker.port, { credentials });
    try {
      await until(() => bench.raised.length > 0, 'a problem is raised');
      assert.ok(bench.raised.includes('certificate_refused'), bench.raised.join(', '));
      const [problem] = bench.problems.standing();
      assert.match(problem?.text ?? '', /^localhost at 127\.0\.0\.1:\d+: the TLS handshake failed: [a-z0-9 ]+$/);
    } finally {
      await bench.stop();
      await broker.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a test of new credentials', { timeout: 60_000 }, () => {
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
