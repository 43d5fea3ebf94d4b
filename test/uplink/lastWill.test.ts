// Checks the robot's power in its presence and in its last will with a real Mosquitto.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import mqtt, { type MqttClient } from 'mqtt';
import { type HeldPresence, takePresence } from '../../cloud/src/robots/state.ts';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { type Power, type Presence, presence } from '../../src/wire/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const skip = findMosquitto() ? false : 'Mosquitto is not installed';

const FULL: Power = { battery: 80, low: false, at: 1 };
const LOW: Power = { battery: 8, low: true, at: 2 };

describe('the power of the robot on a real broker', { skip, timeout: 300_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: Mosquitto;
  let robot: UplinkBench;
  let witness: MqttClient;
  const received: Presence[] = [];

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
    witness.on('message', (_topic, payload) => received.push(presence.parse(JSON.parse(payload.toString()))));
    await witness.subscribeAsync('elderly_bot/presence', { qos: 1 });
    robot = startUplink(files, broker.port);
  });

  after(async () => {
    await robot.stop();
    await witness.endAsync();
    await broker.stop();
    rmSync(folder, { recursive: true });
  });

  const last = () => received.at(-1);

  it('is published in the same session when the battery becomes low or is no longer low, but not for another percentage', async () => {
    await until(() => received.length === 1, 'the robot is connected');
    assert.equal(last()?.power, undefined);
    robot.uplink.reportPower(FULL);
    robot.uplink.reportPower({ ...FULL, battery: 70 });
    robot.uplink.reportPower(LOW);
    await until(() => last()?.power?.low === true, 'the battery is low');
    robot.uplink.reportPower(undefined);
    robot.uplink.reportPower(FULL);
    await until(() => last()?.power?.low === false, 'the battery is no longer low');
    assert.deepEqual(
      received.map(({ power }) => power),
      [undefined, FULL, LOW, FULL],
    );
    assert.deepEqual(new Set(received.map(({ session }) => session)).size, 1);
    assert.equal(robot.uplink.status().connects, 1);
    assert.deepEqual(robot.raised, []);
  });

  it('is in the last will as it was at the connect, and the cloud keeps a later value', async () => {
    robot.uplink.reportPower(LOW);
    await until(() => last()?.power?.low === true, 'the battery is low');
    const { session } = last() ?? {};
    // The stop of the test bench cuts the connection without a DISCONNECT.
    await robot.stop();
    await until(() => last()?.online === false, 'the last will arrives');
    assert.deepEqual([last()?.session, last()?.power], [session, undefined]);
    const held = received.reduce<HeldPresence | null>((before, message) => takePresence(before, message) ?? before, null);
    assert.deepEqual([held?.online, held?.power], [false, LOW]);
    robot = startUplink(files, broker.port);
  });
});
