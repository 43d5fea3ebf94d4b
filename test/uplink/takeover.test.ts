// Runs two agents with one thing name, as after the copy of an SD card. Mosquitto 2.0 closes the older connection without a reason.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const skip = findMosquitto() ? false : 'Mosquitto is not installed';

const codes = ({ problems }: UplinkBench) => problems.standing().map(({ code }) => code);

describe('two agents with one thing name', { timeout: 120_000 }, () => {
  let folder: string;
  let files: BenchFiles;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-takeover-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });

  after(() => rmSync(folder, { recursive: true }));

  it('raise a problem and wait before they reconnect, but not for an alert', { skip }, async () => {
    const broker = await Mosquitto.start({ certificates: files });
    // A slow connect on a busy machine would raise another problem.
    const timeouts = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000 };
    const [first, second] = [startUplink(files, broker.port, timeouts), startUplink(files, broker.port, timeouts)];
    try {
      await until(() => [first, second].some((bench) => codes(bench).includes('client_id_taken')), 'an agent raises the problem');
      const [yielding, staying] = codes(first).includes('client_id_taken') ? [first, second] : [second, first];
      assert.match(yielding.problems.standing()[0]?.text ?? '', /connections of elderly-bot .* another client connects with this name/);
      await until(() => yielding.uplink.status().state === 'waiting', 'the agent waits');
      await until(() => staying.uplink.status().state === 'connected', 'the other agent is connected');

      yielding.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      yielding.outbox.flush();
      await until(() => !yielding.outbox.hasFree('alert') && !yielding.outbox.isInFlight('alert'), 'the alert is delivered');
      assert.ok(codes(yielding).includes('client_id_taken'), 'a new connection alone does not clear the problem');
    } finally {
      await Promise.all([first.stop(), second.stop()]);
      await broker.stop();
    }
  });

  it('keep the problem if the broker closes a connection before it answers the subscription', async () => {
    // It has answered everything when it closes the connection, so that no request can be the reason.
    const broker = await ScriptedBroker.start(files, {
      onPublish: ({ messageId, topic }, wire) => {
        wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 });
        if (topic.endsWith('/presence')) setTimeout(() => wire.cut(), 20);
        return false;
      },
    });
    const bench = startUplink(files, broker.port, { connectTimeoutMs: 20_000 });
    try {
      await until(() => codes(bench).includes('client_id_taken'), 'the problem is raised');
      let closed = 0;
      broker.behave({
        onConnect: (wire) => {
          closed++;
          wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
          wire.cut();
          return false;
        },
      });
      bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      bench.outbox.flush();
      await until(() => closed > 0 && bench.uplink.status().state === 'waiting', 'the agent connected for the alert, and waits again');
      assert.deepEqual(codes(bench), ['client_id_taken']);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('are not inferred from a broker that answers late', async () => {
    const broker = await ScriptedBroker.start(files, { onPublish: () => false });
    const bench = startUplink(files, broker.port);
    try {
      bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      await until(() => broker.connects > 7, 'seven connections');
      assert.ok(!bench.raised.includes('client_id_taken'), bench.raised.join(', '));
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });
});
