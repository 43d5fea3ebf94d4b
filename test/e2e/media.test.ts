// Pictures of a fall on real parts: an rclpy camera, a real agent, Mosquitto, the cloud's uploads and an object store. The test decodes the
// stored pictures, and the alert's row names their incident.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as age from 'age-encryption';
import Database from 'better-sqlite3';
import sharp from 'sharp';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { result, telemetry } from '../../src/wire/index.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

const BOOL = 'std_msgs/msg/Bool';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';

const skip = rosUnavailable() || mosquittoUnavailable();

describe('pictures of an alert', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let cloud: UploadCloud;
  let peer: RosPeer;
  let agent: Program;
  let witness: Program;
  let results: Program;
  let filming: Promise<void> | undefined;
  let isFilming = false;
  let frames = 0;

  /** A picture of one colour that changes with time, so that the pictures of a clip differ. */
  const film = async () => {
    for (; isFilming; frames += 1) {
      const background = { r: (frames * 16) % 256, g: 90, b: 200 };
      const jpeg = await sharp({ create: { width: 320, height: 240, channels: 3, background } })
        .jpeg()
        .toBuffer();
      await peer.publish('/hall/image', COMPRESSED, { format: 'jpeg', data: { hex: jpeg.toString('hex') } });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const say = (topic: string, data: boolean) => peer.publish(topic, BOOL, { data });
  const explain = () =>
    agent.lines
      .slice(-5)
      .map((line) => JSON.stringify(line))
      .join('\n');
  const shows = <T>(look: () => T | Promise<T>, fits: (found: T) => boolean): Promise<T> => eventually(look, fits, undefined, { explain });
  const incidentOf = async (channel: string) => {
    const [found] = await shows(
      async () =>
        witness.lines
          .map((line) => telemetry.parse(line))
          .flatMap(({ readings }) => readings)
          .flatMap(([, , name, , extra]) => (name === channel && extra?.alert === 'raised' && extra.incident ? [extra.incident] : [])),
      (all) => all.length > 0,
    );
    return String(found);
  };

  /** Publishes until the agent has received a value. Messages before the discovery are lost, even if the camera's node is already known. */
  const calm = (topic: string, channel: string) =>
    shows(
      async () => {
        await say(topic, false);
        return (await bench.status(() => true)).channels;
      },
      (channels) => channels.some(({ name, value }) => name === channel && value === false),
    );

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    cloud = await UploadCloud.start();
    await cloud.know(THING, readFileSync(bench.files.robot.cert, 'utf8'));
    peer = await RosPeer.start('house');
    for (const topic of ['/fall_detected', '/fire_detected', '/gas_detected']) await peer.advertise(topic, BOOL);
    await peer.advertise('/privacy', BOOL, { durability: 'transient_local', depth: 1 });
    await peer.advertise('/hall/image', COMPRESSED, { reliability: 'best_effort', depth: 5 });
    await say('/privacy', false);
    const zones = 'zones: [{ x: 0, y: 0, width: 0.5, height: 1 }]';
    bench.configure(`
uploads: { api: "${cloud.origin}", retry_min: 100ms }
cameras:
  hall: { topic: /hall/image, rate: 5, after: 1s, ring: 5s, ${zones}, privacy_topic: /privacy, privacy_allows: [fall] }
`);
    witness = bench.run('witness', 'mosquitto_sub', [...bench.mosquittoArguments(), '-t', 'elderly_bot/telemetry']);
    results = bench.run('results', 'mosquitto_sub', [...bench.mosquittoArguments(), '-t', 'elderly_bot/results']);
    agent = bench.agent();
    await agent.event('connected');
    isFilming = true;
    filming = film();
    await bench.status(({ cameras }) => cameras.some(({ kept, privacy }) => kept > 3 && privacy === false));
  });
  after(async () => {
    isFilming = false;
    await filming;
    await peer?.close();
    await bench?.stop();
    await cloud?.stop();
    await domain?.release();
  });

  it('are stored under the incident of its row: a snapshot, a clip, and the readings before it', async () => {
    await calm('/gas_detected', 'gas');
    await peer.matched('/fall_detected');
    await say('/fall_detected', true);
    const incident = await incidentOf('fall');
    const [snapshot] = await shows(
      () => cloud.stored('snapshot'),
      (all) => all.length > 0,
    );
    assert.deepEqual([snapshot?.incident, snapshot?.content_type], [incident, 'image/jpeg']);
    const { data, info } = await sharp(snapshot?.bytes).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height], [320, 240]);
    const blue = (x: number) => Number(data[(120 * 320 + x) * 3 + 2]);
    assert.ok(blue(100) < 8 && blue(250) > 180, `the left half is black (${blue(100)}), the right one is not (${blue(250)})`);
    const [clip] = await shows(
      () => cloud.stored('clip'),
      (all) => all.length > 0,
    );
    assert.deepEqual([clip?.incident, clip?.content_type], [incident, 'image/webp']);
    const { format, pages, loop } = await sharp(clip?.bytes, { animated: true }).metadata();
    assert.ok(format === 'webp' && Number(pages) > 5 && loop === 0, `${format} of ${pages} pictures`);
    const [record] = await shows(
      () => cloud.stored('log'),
      (all) => all.length > 0,
    );
    const told = JSON.parse(String(record?.bytes)) as Readonly<Record<string, unknown>> & {
      readings: unknown[][];
      pictures: unknown[];
      log: string[];
    };
    assert.deepEqual([told.thing, told.incident, told.channel, told.value], [THING, incident, 'fall', true]);
    assert.ok(
      told.readings.some(([, channel, value]) => channel === 'gas' && value === false),
      JSON.stringify(told.readings),
    );
    assert.equal(told.pictures.length, 1);
    assert.ok(told.log.some((line) => JSON.parse(line).event === 'connected'));
  });

  it('are not taken in privacy, except for permitted alerts', async () => {
    await say('/privacy', true);
    await bench.status(({ cameras }) => cameras[0]?.privacy === true && cameras[0].ring_bytes === 0);
    await say('/gas_detected', true);
    const why = await agent.event('no_picture', ({ incident }) => incident !== null);
    assert.match(String(why.reason), /privacy is on/);
    const known = (await cloud.stored('snapshot')).length;
    await say('/fall_detected', false);
    await say('/fall_detected', true);
    const all = await shows(
      () => cloud.stored('snapshot'),
      (found) => found.length > known,
    );
    assert.equal(all.length, known + 1);
    const gas = await incidentOf('gas');
    assert.ok(all.every(({ incident }) => incident !== gas));
    // The permission ends after its time, and no picture stays in memory.
    await bench.status(({ cameras }) => cameras[0]?.ring_bytes === 0);
  });

  it('are taken by command from the named camera, and not in privacy', async () => {
    const ask = async (id: string, value?: string) => {
      const now = Date.now();
      const command = { id, thing: THING, command: 'snapshot', ...(value ? { value } : {}), issued_at: now, expires_at: now + 20_000 };
      const publish = [...bench.mosquittoArguments(), '-t', 'elderly_bot/commands', '-m', JSON.stringify(command)];
      await bench.run('sender', 'mosquitto_pub', publish).exited;
      const [answer] = await shows(
        async () => results.lines.map((line) => result.parse(line)).filter((one) => one.id === id),
        (all) => all.length > 0,
      );
      return answer ?? assert.fail();
    };
    const refused = await ask('in-privacy');
    assert.deepEqual([refused.status, refused.reason, refused.detail], ['rejected', 'not_allowed', 'hall: privacy is on']);
    await say('/privacy', false);
    await bench.status(({ cameras }) => cameras[0]?.privacy === false && cameras[0].ring_bytes > 0);
    assert.deepEqual((await ask('elsewhere', 'attic')).detail, 'there is no camera attic');
    const known = (await cloud.stored('snapshot')).length;
    const { status, applied } = await ask('asked', 'hall');
    assert.equal(status, 'done');
    assert.equal((applied as { pictures: { camera: string }[] }).pictures[0]?.camera, 'hall');
    const [newest] = await shows(
      () => cloud.stored('snapshot'),
      (all) => all.length > known,
    );
    assert.equal(newest?.incident, null);
  });

  it('are reported as missing if the camera has stopped', async () => {
    isFilming = false;
    await filming;
    await bench.status(({ cameras }) => Number(cameras[0]?.age_ms) > 1_500);
    await say('/fire_detected', true);
    const problem = await agent.event('problem_raised', ({ code }) => code === 'pictures_missing', 15_000);
    assert.match(String(problem.msg), /hall: no.* came from \/hall\/image in/);
  });

  it('are taken by schedule, once for all times that the robot was off; a topic that is no camera is reported', async () => {
    await agent.stop();
    // Plays a robot that was off at each midnight.
    const db = new Database(join(bench.stateDir, 'outbox.db'));
    db.prepare('insert or replace into notes (name, text) values (?, ?)').run('job snapshot hall', '{"from":0,"ran":[]}');
    db.close();
    bench.configure(`
uploads: { api: "${cloud.origin}", retry_min: 100ms }
cameras:
  hall: { topic: /hall/image, rate: 5, schedule: "0 0 * * *" }
  attic: { topic: /gas_detected }
`);
    const known = (await cloud.stored('snapshot')).length;
    isFilming = true;
    filming = film();
    agent = bench.agent();
    const spooled = await agent.event('spooled', ({ kind }) => kind === 'snapshot', 60_000);
    assert.deepEqual([spooled.camera, spooled.incident], ['hall', null]);
    const { msg, subject } = await agent.event('problem_raised', ({ code }) => code === 'camera_off');
    assert.equal(subject, 'attic');
    assert.match(
      String(msg),
      /std_msgs\/msg\/Bool is published on \/gas_detected, expected sensor_msgs\/msg\/CompressedImage or.*; use a topic that carries images/,
    );
    await shows(
      () => cloud.stored('snapshot'),
      (all) => all.length === known + 1,
    );
    isFilming = false;
    await filming;
  });

  it('leave the robot encrypted if the camera has recipients, and only the key opens them', async () => {
    const identity = await age.generateX25519Identity();
    const recipient = await age.identityToRecipient(identity);
    await agent.stop();
    bench.configure(`
uploads: { api: "${cloud.origin}", retry_min: 100ms }
cameras:
  hall: { topic: /hall/image, rate: 5, after: 1s, recipients: [${recipient}] }
`);
    agent = bench.agent();
    await agent.event('connected');
    isFilming = true;
    filming = film();
    await bench.status(({ cameras }) => Number(cameras[0]?.kept) > 0);
    await calm('/fall_detected', 'fall');
    await say('/fall_detected', true);
    const opened = async (kind: string) => {
      const [found] = await shows(
        async () => (await cloud.stored(kind)).filter(({ content_type: type }) => type === 'application/age'),
        (all) => all.length > 0,
      );
      assert.match(String(found?.bytes), /^age-encryption\.org\/v1\n/);
      const decrypter = new age.Decrypter();
      decrypter.addIdentity(identity);
      return sharp(await decrypter.decrypt(found?.bytes ?? Buffer.alloc(0))).metadata();
    };
    assert.equal((await opened('snapshot')).format, 'jpeg');
    assert.equal((await opened('clip')).format, 'webp');
  });
});
