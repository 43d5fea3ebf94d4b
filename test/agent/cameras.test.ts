// Cameras with rclpy's publishers: a topic whose messages the agent cannot decode is a problem that names the topic to use.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { type Cameras, publishedImages, startCameras } from '../../src/agent/media/cameras.ts';
import { systemClock } from '../../src/clock/index.ts';
import { COMPRESSED_IMAGE, IMAGE, loadConfig } from '../../src/config/index.ts';
import { SimulatedRos, SimulatedWorld } from '../../src/ros/index.ts';
import { Problems } from '../../src/status/index.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

describe('a camera with rclpy’s publisher', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let domain: RosDomain;
  let peer: RosPeer;
  let folder: string;
  let cameras: Cameras;
  let problems: Problems;

  before(async () => {
    domain = await claimDomain();
    peer = await RosPeer.start();
    await peer.advertise('/hall/color/image_raw/compressed', COMPRESSED_IMAGE);
  });
  after(async () => {
    await peer?.close();
    await domain?.release();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cameras-'));
    problems = new Problems(
      () => performance.now(),
      () => {},
    );
  });
  afterEach(async () => {
    await cameras.stop();
    rmSync(folder, { recursive: true });
  });

  const start = async (topic: string) => {
    const file = join(folder, 'robot.yaml');
    writeFileSync(file, `uploads: { api: "https://cloud.example" }\ncameras: { hall: { topic: ${topic}, rate: 10 } }\n`);
    cameras = await startCameras({ loaded: loadConfig(file, {}), clock: systemClock(0), problems, sharedMemory: undefined });
  };
  const textOf = async (code: string) => {
    await until(() => problems.standing().some((standing) => standing.code === code), `${code} is raised`);
    return String(problems.standing().find((standing) => standing.code === code)?.text);
  };

  it('is unreadable if it sends distances, and the images of the same camera are named', async () => {
    const [topic, fields] = [
      '/hall/depth/image_raw',
      { width: 2, height: 1, encoding: '32FC1', step: 8, data: { hex: '0000803f00000040' } },
    ];
    await peer.advertise(topic, IMAGE);
    await start(topic);
    await peer.matched(topic);
    await peer.publish(topic, IMAGE, fields);
    assert.match(
      await textOf('camera_unreadable'),
      /encoding "32FC1" is not one of .*; use \/hall\/color\/image_raw\/compressed, which carries images$/,
    );
  });

  it('is unreadable if it sends compressed distances, and the images of the same camera are named', async () => {
    const topic = '/hall/depth/image_raw/compressedDepth';
    await peer.advertise(topic, COMPRESSED_IMAGE);
    await start(topic);
    await peer.matched(topic);
    const hex = `${'00'.repeat(12)}89504e470d0a1a0a`;
    await peer.publish(topic, COMPRESSED_IMAGE, { format: '16UC1; compressedDepth png', data: { hex } });
    assert.match(
      await textOf('camera_unreadable'),
      /compressedDepth png.* are not one of JPEG.*; use \/hall\/color\/image_raw\/compressed/,
    );
  });

  it('is off if another type is published, and the images of the same camera are named', async () => {
    await peer.advertise('/hall/color/image_raw/ffmpeg', 'std_msgs/msg/UInt8MultiArray');
    await start('/hall/color/image_raw/ffmpeg');
    assert.match(
      await textOf('camera_off'),
      /UInt8MultiArray is published on .*; use \/hall\/color\/image_raw\/compressed, which carries images$/,
    );
  });
});

describe('the published images', () => {
  it('leave out a topic to which a node only subscribes, and a topic of another type', () => {
    const world = new SimulatedWorld();
    const robot = new SimulatedRos({ world, name: 'robot' });
    const viewer = new SimulatedRos({ world, name: 'viewer' });
    const qos = { reliability: 'reliable', durability: 'volatile', depth: 1 } as const;
    viewer.subscribe({ topic: '/hall/image_raw', type: COMPRESSED_IMAGE, qos, onMessage: () => {} });
    viewer.subscribe({ topic: '/hall/image_raw/ffmpeg', type: COMPRESSED_IMAGE, qos, onMessage: () => {} });
    robot.advertise('/hall/image_raw/ffmpeg', 'std_msgs/msg/String');
    robot.advertise('/hall/image_raw/compressed', COMPRESSED_IMAGE);
    assert.deepEqual(publishedImages(robot), [{ topic: '/hall/image_raw/compressed', types: [COMPRESSED_IMAGE] }]);
  });
});
