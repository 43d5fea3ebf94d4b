// Two agents with one thing name, as a cloned SD card makes them, on a real Mosquitto: 2.0 throws the older off without a word.

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

  it('are named and keep off, also while connected, and an alert does not wait for that', { skip }, async () => {
    const broker = await Mosquitto.start({ certificates: files });
    // A connection that takes long on a busy machine would be another trouble.
    const patient = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000 };
    const [one, other] = [startUplink(files, broker.port, patient), startUplink(files, broker.port, patient)];
    try {
      await until(() => [one, other].some((bench) => codes(bench).includes('client_id_taken')), 'one of them yields');
      const [yielding, staying] = codes(one).includes('client_id_taken') ? [one, other] : [other, one];
      assert.match(yielding.problems.standing()[0]?.text ?? '', /connections of elderly-bot .* another client connects with this name/);
      await until(() => yielding.uplink.status().state === 'waiting', 'it waits');
      await until(() => staying.uplink.status().state === 'connected', 'the other has the name');

      yielding.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      yielding.outbox.flush();
      await until(() => !yielding.outbox.hasFree('alert') && !yielding.outbox.isInFlight('alert'), 'the alert is delivered');
      assert.ok(codes(yielding).includes('client_id_taken'), 'a connection that came about does not end it');
    } finally {
      await Promise.all([one.stop(), other.stop()]);
      await broker.stop();
    }
  });

  it('stay named where one is thrown off before its subscription is answered', async () => {
    const broker = await ScriptedBroker.start(files, {
      onPublish: (_packet, wire) => {
        wire.cut();
        return false;
      },
    });
    const bench = startUplink(files, broker.port, { connectTimeoutMs: 20_000 });
    try {
      await until(() => codes(bench).includes('client_id_taken'), 'it is named');
      let thrownOff = 0;
      broker.behave({
        onConnect: (wire) => {
          thrownOff++;
          wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
          wire.cut();
          return false;
        },
      });
      bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
      bench.outbox.flush();
      await until(() => thrownOff > 0 && bench.uplink.status().state === 'waiting', 'it tried for the alert, and waits');
      assert.deepEqual(codes(bench), ['client_id_taken']);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('a broker that does not answer in time is not taken for one', async () => {
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
