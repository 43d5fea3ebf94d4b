// Runs agents whose connections keep ending: two agents with one thing name, as after the copy of an SD card (Mosquitto 2.0 closes the older
// connection without a reason), a broker that crashes, and a proxy with timeouts.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Cable } from '../../scripts/lab/cable.ts';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { type Script, ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const skip = findMosquitto() ? false : 'Mosquitto is not installed';

/** A slow connect or answer on a busy machine would raise another problem. */
const TIMEOUTS = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000 };
const ALERT = { class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } } as const;

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
    // Each connection lasts for the other agent's backoff, which has to be long enough for the first answers.
    const options = { ...TIMEOUTS, backoff: { minMs: 500, spreadMs: 1_000, maxMs: 4_000 } };
    const [first, second] = [startUplink(files, broker.port, options), startUplink(files, broker.port, options)];
    try {
      const isRaised = () => [first, second].some((bench) => codes(bench).includes('client_id_taken'));
      await until(isRaised, 'an agent raises the problem', { patienceMs: 90_000 });
      const [yielding, staying] = codes(first).includes('client_id_taken') ? [first, second] : [second, first];
      assert.match(yielding.problems.standing()[0]?.text ?? '', /connections of elderly-bot .* another client connects with this name/);
      await until(() => yielding.uplink.status().state === 'waiting', 'the agent waits');
      await until(() => staying.uplink.status().state === 'connected', 'the other agent is connected');

      yielding.outbox.append(ALERT);
      yielding.outbox.flush();
      await until(() => !yielding.outbox.hasFree('alert') && !yielding.outbox.isInFlight('alert'), 'the alert is delivered');
      assert.ok(codes(yielding).includes('client_id_taken'), 'a new connection alone does not clear the problem');
    } finally {
      await Promise.all([first.stop(), second.stop()]);
      await broker.stop();
    }
  });

  it('keep the problem if the broker closes a connection before it answers the subscription', async () => {
    const broker = await ScriptedBroker.start(files, {
      onPublish: (_packet, wire) => {
        setTimeout(() => wire.cut(), 20);
        return true;
      },
    });
    const bench = startUplink(files, broker.port, TIMEOUTS);
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
      bench.outbox.append(ALERT);
      bench.outbox.flush();
      await until(() => closed > 0 && bench.uplink.status().state === 'waiting', 'the agent connected for the alert, and waits again');
      assert.deepEqual(codes(bench), ['client_id_taken']);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('raise the problem with the broker’s own words if it reports the takeover', async () => {
    const broker = await ScriptedBroker.start(files, {
      onPublish: (_packet, wire) => {
        setTimeout(() => {
          wire.send({ cmd: 'disconnect', reasonCode: 0x8e });
          wire.cut();
        }, 20);
        return true;
      },
    });
    const bench = startUplink(files, broker.port, TIMEOUTS);
    try {
      await until(() => codes(bench).includes('client_id_taken'), 'the problem is raised');
      assert.equal(broker.connects, 3);
      assert.match(bench.texts.get('client_id_taken') ?? '', /the broker reports repeatedly that another client took over/);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('are not inferred from a broker that answers late, or that closes the connection for a message', async () => {
    const cut: Script['onPublish'] = (_packet, wire) => {
      wire.cut();
      return false;
    };
    for (const onPublish of [() => false, cut]) {
      const broker = await ScriptedBroker.start(files, { onPublish });
      const bench = startUplink(files, broker.port);
      try {
        bench.outbox.append(ALERT);
        await until(() => broker.connects > 7, 'seven connections');
        assert.ok(!bench.raised.includes('client_id_taken'), bench.raised.join(', '));
      } finally {
        await bench.stop();
        await broker.stop();
      }
    }
  });
});

describe('connections that keep ending', { timeout: 180_000, skip }, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: Mosquitto;
  let cable: Cable;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-ending-'));
    files = await benchCertificates(folder, 'elderly-bot');
    broker = await Mosquitto.start({ certificates: files });
  });
  beforeEach(async () => {
    cable = new Cable(broker.port);
    await cable.plug();
  });
  afterEach(() => cable.pull());
  after(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true });
  });

  it('are put down to a broker that crashes again and again, not to another client', async () => {
    const bench = startUplink(files, broker.port, TIMEOUTS);
    try {
      while (!bench.raised.includes('broker_restarts')) {
        await until(() => bench.uplink.status().state === 'connected', 'the agent connects');
        await broker.kill();
        await broker.restart();
      }
      assert.match(bench.texts.get('broker_restarts') ?? '', /localhost:\d+ ended the last \d connections and then refused new ones/);
      assert.ok(!bench.raised.includes('client_id_taken'), bench.raised.join(', '));
      await until(() => bench.uplink.status().state === 'connected', 'the agent connects');
      assert.deepEqual(codes(bench), ['broker_restarts'], 'it stands until a connection lasts');
    } finally {
      await bench.stop();
    }
  });

  it('because they are idle stay open with pings', async () => {
    cable.idleTimeoutMs = 6_000;
    const bench = startUplink(files, cable.port, { ...TIMEOUTS, intervalMs: 3_600_000, keepaliveMs: 60_000 });
    try {
      await until(() => codes(bench).includes('idle_connections_cut'), 'the problem is raised', { patienceMs: 90_000 });
      assert.match(
        bench.texts.get('idle_connections_cut') ?? '',
        /closes connections that are idle for 6 s; the agent now pings after 5 s/,
      );
      await until(() => bench.uplink.status().state === 'connected', 'the agent connects');
      const { connects } = bench.uplink.status();
      await until(() => bench.uplink.status().since_ms > 2 * 6_000, 'the connection lasts', { patienceMs: 60_000 });
      assert.equal(bench.uplink.status().connects, connects);
      assert.deepEqual(codes(bench), ['idle_connections_cut']);
      assert.ok(!bench.raised.includes('client_id_taken'), bench.raised.join(', '));
    } finally {
      await bench.stop();
    }
  });

  it('after an exact time are put down to a limit, and the agent is back before long', async () => {
    cable.timeLimitMs = 2_500;
    const bench = startUplink(files, cable.port, TIMEOUTS);
    const publishing = setInterval(() => {
      bench.outbox.append({ class: 'telemetry', channel: 'temperature', value: Math.random() });
    }, 300);
    try {
      await until(() => codes(bench).includes('connection_time_limit'), 'the problem is raised', { patienceMs: 60_000 });
      assert.match(bench.texts.get('connection_time_limit') ?? '', /each connection to localhost:\d+ ends 2\.\d s after it was made/);
      assert.ok(!bench.raised.includes('client_id_taken'), bench.raised.join(', '));
    } finally {
      clearInterval(publishing);
      await bench.stop();
    }
  });
});
