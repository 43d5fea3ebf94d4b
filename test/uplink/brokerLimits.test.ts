// Checks that the agent stays within the limits of its broker: a real Mosquitto with limits, and a scripted one that counts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { limitsOf, payloadLimit, windowsOf } from '../../src/uplink/brokerLimits.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const skip = findMosquitto() ? false : 'Mosquitto is not installed';
const CHANNELS = 150;
const ROWS = 2_000;
const TIMEOUTS = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000 };

/** Appends the rows of a busy robot: many channels whose latest values do not fit into a small packet, results and an alert. */
function fill({ outbox }: UplinkBench): void {
  for (let i = 0; i < ROWS; i++) outbox.append({ class: 'telemetry', channel: `channel_number_${i % CHANNELS}`, value: `value ${i}` });
  for (let i = 0; i < 20; i++) outbox.append({ class: 'result', body: { kind: 'result', id: `c${i}`, status: 'done' } });
  outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
  outbox.flush();
}

describe('a busy robot', { timeout: 240_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-limits-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [limit, lines] of [
    ['packets of at most 4 KiB', ['max_packet_size 4096']],
    ['packets of at most 8 KiB', ['max_packet_size 8192']],
  ] as const) {
    it(`delivers everything over one connection if Mosquitto announces ${limit}`, { skip }, async () => {
      const broker = await Mosquitto.start({ certificates: files, lines });
      let rows = 0;
      const bench = startUplink(files, broker.port, { ...TIMEOUTS, onAck: (_ms, acknowledged) => (rows += acknowledged) });
      try {
        await until(() => bench.uplink.status().state === 'connected', 'the agent is connected');
        fill(bench);
        await until(() => rows === bench.outbox.accepted, 'all rows are acknowledged', { patienceMs: 60_000, explain: () => `${rows}` });
        assert.equal(bench.uplink.status().connects, 1);
        assert.deepEqual(bench.outbox.counts.evictedBy, { age: 0, space: 0, poison: 0, released: 0 });
      } finally {
        await bench.stop();
        await broker.stop();
      }
    });
  }

  it('finds the limit of a Mosquitto that does not announce it', { skip }, async () => {
    const broker = await Mosquitto.start({ certificates: files, lines: ['message_size_limit 4000'] });
    let rows = 0;
    const bench = startUplink(files, broker.port, { ...TIMEOUTS, onAck: (_ms, acknowledged) => (rows += acknowledged) });
    try {
      await until(() => bench.uplink.status().state === 'connected', 'the agent is connected');
      fill(bench);
      await until(() => rows >= bench.outbox.accepted, 'all rows are acknowledged', { patienceMs: 60_000, explain: () => `${rows}` });
      assert.equal(bench.outbox.counts.evictedBy.poison, 0);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('has no more messages in flight than the broker announces, presence included', async () => {
    for (const receiveMaximum of [1, 3]) {
      const broker = await ScriptedBroker.start(files, { announces: { receiveMaximum }, acknowledgesAfterMs: 5 });
      const bench = startUplink(files, broker.port, TIMEOUTS);
      try {
        fill(bench);
        await until(() => broker.taken.size === bench.outbox.accepted, 'all rows are acknowledged', { patienceMs: 60_000 });
        assert.ok(broker.mostInFlight <= receiveMaximum, `${broker.mostInFlight} in flight, ${receiveMaximum} announced`);
        assert.equal(broker.connects, 1);
      } finally {
        await bench.stop();
        await broker.stop();
      }
    }
  });

  it('pings as often as the broker announces, not as configured', async () => {
    let pings = 0;
    const broker = await ScriptedBroker.start(files, {
      announces: { serverKeepAlive: 1 },
      onPing: () => {
        pings++;
        return true;
      },
    });
    const bench = startUplink(files, broker.port, { ...TIMEOUTS, keepaliveMs: 600_000 });
    try {
      await until(() => pings >= 2, 'the agent pings', { patienceMs: 30_000 });
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('leaves commands and latest values out of small packets and says so, and keeps its rows if no message would fit', async () => {
    const commands = Array.from({ length: 60 }, (_, i) => ({ name: `command_${i}`, motion: false, args: { type: 'object' } }));
    const broker = await ScriptedBroker.start(files, { announces: { maximumPacketSize: 1_000 } });
    const bench = startUplink(files, broker.port, { ...TIMEOUTS, commands });
    const texts = () => bench.problems.standing().flatMap(({ code, text }) => (code === 'broker_packet_limit' ? [text] : []));
    try {
      fill(bench);
      await until(() => texts().length > 0, 'the problem stands');
      assert.match(texts()[0] ?? '', /accepts packets of at most 1000 bytes, but the agent needs 2048 bytes/);
      assert.deepEqual(bench.outbox.counts.evictedBy, { age: 0, space: 0, poison: 0, released: 0 });
      broker.behave({ announces: { maximumPacketSize: 3_000 } });
      await until(() => broker.taken.size === bench.outbox.accepted, 'all rows are acknowledged', { patienceMs: 60_000 });
      assert.deepEqual(
        texts()
          .map((text) => /leave[s]? out .*/.exec(text)?.[0])
          .sort(),
        ['leave out the latest values', 'leaves out the commands'],
      );
      assert.ok(broker.largest <= 3_000, `${broker.largest} bytes`);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });
});

describe('the limits of a broker', () => {
  it('leave alerts their slots if there are enough, and always one message', () => {
    const windows = (receiveMaximum?: number) => {
      const { alerts, others } = windowsOf(limitsOf(receiveMaximum === undefined ? {} : { receiveMaximum }), 20, 4);
      return [alerts, others];
    };
    assert.deepEqual(
      [windows(), windows(10), windows(4), windows(1)],
      [
        [24, 20],
        [9, 5],
        [3, 1],
        [1, 1],
      ],
    );
  });

  it('count the whole packet', () => {
    assert.equal(payloadLimit({ maxPacketBytes: 1_015 }, 'topic'), 995);
    assert.equal(payloadLimit(limitsOf(undefined), 'topic'), 100 * 1024);
  });
});
