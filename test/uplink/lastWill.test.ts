// The last will says what was known of the robot's power, and follows it: on a real Mosquitto, with alerts coming all the while.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import mqtt, { type MqttClient } from 'mqtt';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { LastWill } from '../../src/uplink/lastWill.ts';
import { type Power, type Presence, presence, telemetry } from '../../src/wire/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const skip = findMosquitto() ? false : 'Mosquitto is not installed';

/** Often enough that some are written while there is no session. */
const ALERT_EVERY_MS = 30;

const FULL: Power = { battery: 80, low: false, at: 1 };
const LOW: Power = { battery: 8, low: true, at: 2 };

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 20_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 2))) {
    assert.ok(performance.now() < endMs, `${what}: not within 20 s`);
  }
}

describe('what the last will says of the power', () => {
  it('is due anew when the battery became low or no longer is, not for another percent, and never twice within ten minutes', () => {
    const will = new LastWill();
    assert.deepEqual(will.set(), {});
    will.know(FULL);
    assert.equal(will.isDue(0), false);
    assert.deepEqual(will.set(), { power: FULL });
    will.know({ ...FULL, battery: 20 });
    assert.equal(will.isDue(0), false);
    will.know(LOW);
    assert.equal(will.isDue(0), true);
    will.know(undefined);
    assert.equal(will.isDue(0), true);
    will.renewed(0);
    assert.deepEqual(will.set(), { power: LOW });
    will.know(FULL);
    assert.equal(will.isDue(599_999), false);
    assert.equal(will.isDue(600_000), true);
    // The link was lost by itself: the next will says it without asking.
    will.set();
    assert.equal(will.isDue(600_000), false);
  });
});

describe('the last will on a real broker', { skip, timeout: 60_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: Mosquitto;
  let robot: UplinkBench;
  let witness: MqttClient;
  const heard: Presence[] = [];
  const alerts: number[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-will-'));
    files = await benchCertificates(folder, 'elderly-bot');
    broker = await Mosquitto.start({ certificates: files });
    const [ca, cert, key] = [files.ca, files.cloud.cert, files.cloud.key].map((file) => readFileSync(file));
    witness = await mqtt.connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: broker.port,
      ...(ca && cert && key ? { ca, cert, key } : {}),
    });
    witness.on('message', (topic, payload) => {
      const json: unknown = JSON.parse(payload.toString());
      if (topic === 'elderly_bot/presence') heard.push(presence.parse(json));
      else for (const [seq, , , , extra] of telemetry.parse(json).readings) if (extra?.alert) alerts.push(seq);
    });
    await witness.subscribeAsync(['elderly_bot/presence', 'elderly_bot/telemetry'], { qos: 1 });
    robot = startUplink(files, broker.port);
  });

  after(async () => {
    await robot.stop();
    await witness.endAsync();
    await broker.stop();
    rmSync(folder, { recursive: true });
  });

  const isDelivered = () => !robot.outbox.hasFree('alert') && !robot.outbox.isOnItsWay('alert');
  const last = () => heard.at(-1);

  it('follows the battery by another session, once, and no alert is lost or is a trouble', async () => {
    await until('it is connected', () => heard.length === 1);
    assert.equal(last()?.power, undefined);
    robot.uplink.tellPower(FULL, false);
    await until('it says so in the session that there is', () => heard.length === 2);
    assert.deepEqual([last()?.session, last()?.power], [heard[0]?.session, FULL]);

    let written = 0;
    const alerting = setInterval(() => {
      robot.outbox.append({ class: 'alert', channel: 'fall', value: ++written, extra: { alert: 'raised' } });
    }, ALERT_EVERY_MS);
    const telling = setInterval(() => robot.uplink.tellPower(LOW, false), 5);
    try {
      await until('another session', () => robot.uplink.status().connects === 2 && last()?.session !== heard[0]?.session);
      const soFar = written;
      await until('alerts go on', () => written > soFar + 10);
    } finally {
      clearInterval(telling);
      clearInterval(alerting);
    }
    robot.outbox.flush();
    await until('all alerts are delivered', isDelivered);
    await until('all alerts are heard', () => new Set(alerts).size === written);
    assert.equal(robot.uplink.status().connects, 2);
    assert.deepEqual(last()?.power, LOW);
    assert.ok(
      heard.every(({ online }) => online),
      'no last will went out',
    );
    assert.deepEqual(robot.raised, []);
  });

  it('does not while a motion would be stopped by it, or an alert is on its way', async () => {
    robot.uplink.tellPower(FULL, true);
    robot.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
    robot.uplink.tellPower(FULL, false);
    robot.outbox.flush();
    await until('all alerts are delivered', isDelivered);
    assert.equal(robot.uplink.status().connects, 2);
  });

  it('goes out with what it says when the robot is cut off', async () => {
    const { session } = heard.at(-1) ?? {};
    await robot.stop();
    await until('the will', () => last()?.online === false);
    assert.deepEqual([last()?.session, last()?.power], [session, LOW]);
    robot = startUplink(files, broker.port);
  });
});
