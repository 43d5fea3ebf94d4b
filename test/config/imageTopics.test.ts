// Tests the advice for a camera whose topic carries no image that the agent can decode.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COMPRESSED_IMAGE, type GraphTopic, IMAGE, imageAdvice, unsuitableContent } from '../../src/config/index.ts';

const graph = (topics: Readonly<Record<string, string>>): GraphTopic[] =>
  Object.entries(topics).map(([topic, type]) => ({ topic, types: [type] }));

const ROBOT = graph({
  '/camera/depth/image_rect_raw': IMAGE,
  '/camera/depth/image_rect_raw/compressedDepth': COMPRESSED_IMAGE,
  '/camera/color/image_raw': IMAGE,
  '/camera/color/image_raw/compressed': COMPRESSED_IMAGE,
  '/camera/color/image_raw/ffmpeg': 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket',
  '/camera/infra1/image_rect_raw': IMAGE,
  '/rear/image_raw': IMAGE,
  '/rear/image_raw/theora': 'theora_image_transport/msg/Packet',
  '/scan': 'sensor_msgs/msg/LaserScan',
});

describe('a topic with images', () => {
  it('is found beside a topic with video or depth, compressed images first', () => {
    const best = 'use /camera/color/image_raw/compressed, which carries images';
    for (const topic of ['/camera/color/image_raw/ffmpeg', '/camera/depth/image_rect_raw/compressedDepth', '/camera/depth/image_rect_raw'])
      assert.equal(imageAdvice(topic, ROBOT), best, topic);
    assert.equal(imageAdvice('/rear/image_raw/theora', ROBOT), 'use /rear/image_raw, which carries images');
  });

  it('is described if none is published in the namespace', () => {
    assert.equal(imageAdvice('/attic/h264', ROBOT), 'use the images of the same camera, usually on /attic/compressed');
    assert.match(imageAdvice('/attic/depth/image/compressedDepth'), /^use a topic with the colour images of the same camera/);
    assert.match(imageAdvice('/gas', ROBOT, ['std_msgs/msg/Bool']), /^use a topic that carries images/);
    assert.match(imageAdvice('/video', ROBOT), /usually on \/video\/compressed$/);
  });
});

describe('a topic', () => {
  it('shows by its last part that it carries no image', () => {
    for (const suffix of ['compressedDepth', 'theora', 'ffmpeg', 'h264', 'zstd']) assert.ok(unsuitableContent(`/a/${suffix}`), suffix);
    for (const topic of ['/a/compressed', '/a/image_raw', '/theora/image', '/a/constructor', '/compressedDepth_off'])
      assert.equal(unsuitableContent(topic), undefined, topic);
  });
});
