// Every encoding from bytes that were written down by hand, and lies by the thousand: each is an error with its reason, and nothing
// larger than the message and its picture is ever allocated.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../src/errors.ts';
import { ENCODINGS } from '../../src/media/encodings.ts';
import { type ImageMessage, MAX_PIXELS, type Pixels, unpack } from '../../src/media/unpack.ts';
import { blackOut } from '../../src/media/zones.ts';

function unpacked(image: ImageMessage): Pixels {
  const work = unpack(image);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

function refusal(image: ImageMessage): string {
  try {
    unpacked(image);
  } catch (error) {
    assert.ok(error instanceof AgentError && error.code === 'PICTURE_INVALID', String(error));
    return String(error.fields.why);
  }
  return assert.fail(`it was taken: ${JSON.stringify({ ...image, data: image.data.length })}`);
}

/** One row. */
const row = (encoding: string, width: number, bytes: readonly number[], over: Partial<ImageMessage> = {}): ImageMessage => ({
  encoding,
  width,
  height: 1,
  is_bigendian: 0,
  step: bytes.length,
  data: Uint8Array.from(bytes),
  ...over,
});

const pixels = (image: ImageMessage) => [...unpacked(image).data];

describe('a sensor_msgs/Image', () => {
  it('in colours is red, green, blue', () => {
    assert.deepEqual(pixels(row('rgb8', 2, [1, 2, 3, 4, 5, 6])), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(pixels(row('bgr8', 2, [3, 2, 1, 6, 5, 4])), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(pixels(row('rgba8', 1, [1, 2, 3, 9])), [1, 2, 3, 9]);
    assert.deepEqual(pixels(row('bgra8', 2, [3, 2, 1, 9, 6, 5, 4, 9])), [1, 2, 3, 4, 5, 6]);
  });

  it('in grey is grey, of two bytes by their order', () => {
    assert.deepEqual(pixels(row('mono8', 3, [0, 7, 255])), [0, 7, 255]);
    const wide = [0x00, 0x01, 0xff, 0xff, 0x00, 0x80];
    assert.deepEqual(pixels(row('mono16', 3, wide)), [1, 255, 128]);
    assert.deepEqual(pixels(row('mono16', 3, [0x01, 0x00, 0xff, 0xff, 0x80, 0x00], { is_bigendian: 1 })), [1, 255, 128]);
  });

  it('of distances is stretched from the nearest to the farthest, and black where there is none', () => {
    const millimetres = [0, 1_000, 3_000, 2_000].flatMap((mm) => [mm & 0xff, mm >> 8]);
    assert.deepEqual(pixels(row('16UC1', 4, millimetres)), [0, 1, 255, 128]);
    const turned = [0, 1_000, 3_000, 2_000].flatMap((mm) => [mm >> 8, mm & 0xff]);
    assert.deepEqual(pixels(row('16UC1', 4, turned, { is_bigendian: 1 })), [0, 1, 255, 128]);
    assert.deepEqual(pixels(row('16UC1', 2, [0, 0, 0, 0])), [0, 0]);
  });

  it('in YUV is BT.601: black, white, red, and what lies outside is cut', () => {
    const black = [0, 0, 0];
    const white = [255, 255, 255];
    for (const name of ['yuv422', 'uyvy']) {
      assert.deepEqual(pixels(row(name, 2, [128, 16, 128, 235])), [...black, ...white]);
      assert.deepEqual(pixels(row(name, 2, [90, 82, 240, 82])), [255, 1, 0, 255, 1, 0]);
    }
    for (const name of ['yuyv', 'yuv422_yuy2']) {
      assert.deepEqual(pixels(row(name, 2, [16, 128, 235, 128])), [...black, ...white]);
      assert.deepEqual(pixels(row(name, 2, [0, 128, 255, 128])), [...black, ...white]);
    }
  });

  it('without gaps and in its final form is not copied', () => {
    const image = row('rgb8', 1, [1, 2, 3]);
    assert.equal(unpacked(image).data, image.data);
  });

  it('with padding at the end of its rows is the same picture', () => {
    fc.assert(
      fc.property(anImage, fc.integer({ min: 1, max: 9 }), (image, padding) => {
        const { step, height, data } = image;
        const padded = new Uint8Array((step + padding) * height).fill(0xee);
        for (let y = 0; y < height; y += 1) padded.set(data.subarray(y * step, (y + 1) * step), y * (step + padding));
        assert.deepEqual(pixels({ ...image, step: step + padding, data: padded }), pixels(image));
      }),
      { numRuns: 2_000 },
    );
  });

  it('of any size is as many pixels as it says', () => {
    fc.assert(
      fc.property(anImage, (image) => {
        const { width, height, channels, data } = unpacked(image);
        assert.deepEqual([width, height, data.length], [image.width, image.height, image.width * image.height * channels]);
      }),
      { numRuns: 2_000 },
    );
  });

  for (const [why, lie] of [
    ['encoding', { encoding: 'bayer_rggb8' }],
    ['encoding', { encoding: 'constructor' }],
    ['encoding', { encoding: '' }],
    ['empty', { width: 0 }],
    ['empty', { height: 0 }],
    ['too_large', { width: 0xffff_ffff, height: 0xffff_ffff, step: 0xffff_ffff }],
    ['too_large', { width: MAX_PIXELS, height: 2 }],
    ['step', { step: 5 }],
    ['step', { step: 0 }],
    ['step', { width: 3 }],
    ['size', { height: 2 }],
    ['size', { step: 7 }],
    ['size', { data: new Uint8Array(5) }],
    ['size', { data: new Uint8Array(7) }],
    ['odd_width', { encoding: 'uyvy', width: 3 }],
  ] as const) {
    it(`that lies is refused: ${JSON.stringify(lie, (key, value) => (key === 'data' ? value.length : value))} is ${why}`, () => {
      assert.equal(refusal({ ...row('rgb8', 2, [1, 2, 3, 4, 5, 6]), ...lie }), why);
    });
  }

  it('of whatever numbers is taken or refused, and takes memory for nothing that is not there', () => {
    const number = fc.oneof(fc.nat(12), fc.constantFrom(0xffff_ffff, 0x8000_0000, 65_536, MAX_PIXELS), fc.nat(0xffff_ffff));
    const encoding = fc.oneof(fc.constantFrom(...Object.keys(ENCODINGS)), fc.string());
    const before = process.memoryUsage.rss();
    let [taken, refused] = [0, 0];
    fc.assert(
      fc.property(
        number,
        number,
        number,
        encoding,
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(255),
        (width, height, step, name, data, order) => {
          const image = { width, height, step, encoding: name, data, is_bigendian: order };
          try {
            const { data: out } = unpacked(image);
            assert.ok(out.length <= 3 * data.length);
            taken += 1;
          } catch (error) {
            assert.ok(error instanceof AgentError && error.code === 'PICTURE_INVALID', String(error));
            refused += 1;
          }
        },
      ),
      { numRuns: 50_000, examples: [[1, 2, 3, 'rgb8', new Uint8Array(6), 0]] },
    );
    assert.ok(taken > 0 && refused > 0, `${taken} taken, ${refused} refused`);
    assert.ok(process.memoryUsage.rss() - before < 200e6);
  });
});

describe('a privacy zone', () => {
  it('is black, rounded outwards, and nothing else is', () => {
    fc.assert(
      fc.property(anImage, fc.array(aZone, { maxLength: 3 }), fc.nat(3), (image, zones, margin) => {
        const { width, height, channels } = unpacked(image);
        const picture = { width, height, channels, data: new Uint8Array(width * height * channels).fill(255) };
        blackOut(picture, zones, margin);
        for (let y = 0; y < height; y += 1) {
          for (let x = 0; x < width; x += 1) {
            const isWithin = (at: number, of: number, from: number, size: number) =>
              at >= Math.floor(from * of) - margin && at < Math.ceil((from + size) * of) + margin;
            const isBlack = zones.some((zone) => isWithin(x, width, zone.x, zone.width) && isWithin(y, height, zone.y, zone.height));
            for (let c = 0; c < channels; c += 1) {
              assert.equal(picture.data[(y * width + x) * channels + c], isBlack ? 0 : 255, `${x}, ${y} of ${width} x ${height}`);
            }
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

const anImage: fc.Arbitrary<ImageMessage> = fc
  .tuple(fc.constantFrom(...Object.entries(ENCODINGS)), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.nat(1))
  .chain(([[encoding, { bytesPerPixel, group }], groups, height, is_bigendian]) => {
    const width = groups * group;
    const step = width * bytesPerPixel;
    return fc
      .uint8Array({ minLength: step * height, maxLength: step * height })
      .map((data) => ({ encoding, width, height, step, is_bigendian, data }));
  });

const aZone = fc
  .tuple(fc.nat(99), fc.nat(99), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }))
  .map(([x, y, w, h]) => ({ x: x / 100, y: y / 100, width: Math.min(w, 100 - x) / 100, height: Math.min(h, 100 - y) / 100 }));
