// Tests images that rclpy publishes in each encoding and the native node receives: their pixels, and the JPEG that the camera keeps.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { ENCODINGS } from '../../src/media/encodings.ts';
import { type CameraMessage, makeImage } from '../../src/media/image.ts';
import { type Pixels, type RawImage, unpack } from '../../src/media/unpack.ts';
import { type RosNode, startRosNode } from '../../src/ros/index.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

const IMAGE = 'sensor_msgs/msg/Image';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';
const [WIDTH, HEIGHT] = [66, 34];
const RULES = { width: 640, quality: 90, zones: [] };

/** @returns the colour of a pixel in the image of test/support/pictures.py. */
function colours(x: number, y: number): [number, number, number] {
  const left = Math.floor(x / 2) * 2;
  return [Math.floor((left * 255) / WIDTH), Math.floor((y * 255) / HEIGHT), Math.floor(((left + y) * 255) / (WIDTH + HEIGHT))];
}
const distance = (x: number, y: number) => (x === 0 ? 0 : 500 + x * 10 + y);
const FARTHEST = distance(WIDTH - 1, HEIGHT - 1);

/** @returns the expected values of a pixel, and the tolerance. */
function expected(encoding: string, x: number, y: number): [values: readonly number[], tolerance: number] {
  if (encoding === 'mono8' || encoding === '8UC1') return [[colours(x, y)[0]], 0];
  if (encoding === 'mono16') return [[(distance(x, y) * 255) / 65_535], 0.5];
  if (encoding === '16UC1') return [[x === 0 ? 0 : 1 + ((distance(x, y) - 510) * 254) / (FARTHEST - 510)], 0.5];
  // The colours of neighbouring pixels differ by up to 8, and interpolation takes them from there.
  if (encoding.startsWith('bayer')) return [colours(x, y), 8];
  // YUV with eight bits cannot represent every colour.
  return [colours(x, y), /yu|uy/.test(encoding) ? 3 : 0];
}

describe('an image from rclpy', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let domain: RosDomain;
  let ros: RosNode;
  let peer: RosPeer;
  const received: CameraMessage[] = [];
  let wake: () => void = () => {};

  const next = async (publish: () => Promise<void>): Promise<CameraMessage> => {
    const arrived = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await publish();
    await arrived;
    return received.pop() ?? assert.fail('no message was received');
  };
  const image = (given: Readonly<Record<string, unknown>>) =>
    next(() => peer.picture('/image', { width: WIDTH, height: HEIGHT, ...given }));
  const compressed = (bytes: Buffer, format = 'jpeg') =>
    next(() => peer.publish('/compressed', COMPRESSED, { format, data: { hex: bytes.toString('hex') } }));
  const jpeg = () =>
    sharp({ create: { width: 320, height: 240, channels: 3, background: '#c02040' } })
      .jpeg({ quality: 95 })
      .toBuffer();

  before(async () => {
    domain = await claimDomain();
    ros = await startRosNode({ name: 'camera_test' });
    peer = await RosPeer.start('camera');
    for (const [topic, type] of [
      ['/image', IMAGE],
      ['/compressed', COMPRESSED],
    ] as const) {
      const onMessage = (message: object) => {
        received.push(message as CameraMessage);
        wake();
      };
      ros.subscribe({ topic, type, qos: { reliability: 'reliable', durability: 'volatile', depth: 1 }, onMessage });
      await peer.advertise(topic, type);
      await peer.matched(topic);
    }
  });
  after(async () => {
    await peer?.close();
    await ros?.stop();
    await domain?.release();
  });

  for (const [encoding, { bytesPerPixel }] of Object.entries(ENCODINGS)) {
    for (const given of [
      {},
      { padding: 6 },
      ...(bytesPerPixel === 2 && !/yu|uy/.test(encoding) ? [{ big_endian: true, padding: 2 }] : []),
    ]) {
      it(`in ${encoding} ${JSON.stringify(given)} has the published pixels`, async () => {
        const raw = (await image({ encoding, ...given })) as RawImage;
        const { width, height, channels, data } = unpacked(raw);
        assert.deepEqual([width, height, raw.encoding], [WIDTH, HEIGHT, encoding]);
        for (let y = 0; y < height; y += 1) {
          for (let x = 0; x < width; x += 1) {
            const [values, tolerance] = expected(encoding, x, y);
            for (const [c, value] of values.entries()) {
              const found = Number(data[(y * width + x) * channels + c]);
              assert.ok(Math.abs(found - value) <= tolerance, `${x}, ${y}, ${c}: ${found}, expected ${value}`);
            }
          }
        }
      });
    }

    it(`in ${encoding} is kept as a JPEG of the same content`, async () => {
      const { jpeg, width, height } = await makeImage(await image({ encoding }), RULES);
      assert.deepEqual([width, height], [WIDTH, HEIGHT]);
      const { data, info } = await sharp(jpeg).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
      let difference = 0;
      for (let y = 0; y < HEIGHT; y += 1) {
        for (let x = 0; x < WIDTH; x += 1) {
          const [values] = expected(encoding, x, y);
          for (let c = 0; c < 3; c += 1)
            difference += Math.abs(Number(data[(y * WIDTH + x) * info.channels + c]) - Number(values[c] ?? values[0]));
        }
      }
      assert.ok(difference / (WIDTH * HEIGHT * 3) < 4, `mean difference ${difference / (WIDTH * HEIGHT * 3)}`);
    });
  }

  it('is scaled down with black zones if it is too large, and otherwise unchanged', async () => {
    const message = await compressed(await jpeg());
    const zones = [{ x: 0.5, y: 0, width: 0.5, height: 0.5 }];
    const { jpeg: kept, width, height } = await makeImage(message, { width: 160, quality: 90, zones });
    assert.deepEqual([width, height], [160, 120]);
    const { data } = await sharp(kept).raw().toBuffer({ resolveWithObject: true });
    const red = (x: number, y: number) => Number(data[(y * 160 + x) * 3]);
    assert.ok(red(120, 30) < 8 && red(82, 2) < 8 && red(159, 57) < 8, 'the zone is black');
    assert.ok(red(40, 30) > 180 && red(120, 90) > 180 && red(68, 30) > 180, 'the rest is unchanged');
  });

  it('is refused with the reason if it is truncated, garbled or of another format', async () => {
    const whole = await jpeg();
    for (const [bytes, reason] of [
      [whole.subarray(0, whole.length / 2), /can't be decoded.*premature end/],
      [whole.subarray(0, 200), /can't be decoded/],
      [Buffer.concat([whole.subarray(0, 3), Buffer.alloc(2_000, 0x55)]), /can't be decoded/],
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), /are not one of JPEG, PNG, WebP/],
      [Buffer.alloc(0), /0 bytes .* are not one of/],
    ] as const) {
      const message = await compressed(bytes);
      await assert.rejects(makeImage(message, RULES), ({ code, message: text }: { code: string; message: string }) => {
        assert.equal(code, 'PICTURE_INVALID');
        assert.match(text, reason);
        return true;
      });
    }
  });

  it('is refused before the decoder runs if it is a PNG of 400 million pixels in a few kilobytes', async () => {
    const bomb = await sharp({ create: { width: 20_000, height: 20_000, channels: 3, background: 'black' }, limitInputPixels: false })
      .png({ palette: true, colours: 2 })
      .toBuffer();
    const before = process.memoryUsage.rss();
    await assert.rejects(makeImage(await compressed(bomb, 'png'), RULES), /exceeds pixel limit/);
    assert.ok(process.memoryUsage.rss() - before < 50e6);
  });
});

function unpacked(image: RawImage): Pixels {
  const work = unpack(image);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
