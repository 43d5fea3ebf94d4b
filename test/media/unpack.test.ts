// Tests each encoding with bytes written by hand, and thousands of wrong descriptions. A wrong description is an error with a reason, and
// the converter allocates no more memory than the message and its image need.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../src/errors.ts';
import { ENCODINGS } from '../../src/media/encodings.ts';
import { blackOut } from '../../src/media/image.ts';
import { MAX_PIXELS, type Pixels, type RawImage, unpack } from '../../src/media/unpack.ts';

function unpacked(image: RawImage): Pixels {
  const work = unpack(image);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

function refusal(image: RawImage): string {
  try {
    unpacked(image);
  } catch (error) {
    assert.ok(error instanceof AgentError && error.code === 'PICTURE_INVALID', String(error));
    return String(error.fields.why);
  }
  return assert.fail(`the image was accepted: ${JSON.stringify({ ...image, data: image.data.length })}`);
}

/** @returns an image with one row. */
const row = (encoding: string, width: number, bytes: readonly number[], over: Partial<RawImage> = {}): RawImage => ({
  encoding,
  width,
  height: 1,
  is_bigendian: 0,
  step: bytes.length,
  data: Uint8Array.from(bytes),
  ...over,
});

const pixels = (image: RawImage) => [...unpacked(image).data];

describe('a sensor_msgs/Image', () => {
  it('in colour has the channels red, green and blue', () => {
    assert.deepEqual(pixels(row('rgb8', 2, [1, 2, 3, 4, 5, 6])), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(pixels(row('bgr8', 2, [3, 2, 1, 6, 5, 4])), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(pixels(row('rgba8', 1, [1, 2, 3, 9])), [1, 2, 3, 9]);
    assert.deepEqual(pixels(row('bgra8', 2, [3, 2, 1, 9, 6, 5, 4, 9])), [1, 2, 3, 4, 5, 6]);
  });

  it('in grey is grey; two bytes per pixel follow the byte order of the message', () => {
    assert.deepEqual(pixels(row('mono8', 3, [0, 7, 255])), [0, 7, 255]);
    const wide = [0x00, 0x01, 0xff, 0xff, 0x00, 0x80];
    assert.deepEqual(pixels(row('mono16', 3, wide)), [1, 255, 128]);
    assert.deepEqual(pixels(row('mono16', 3, [0x01, 0x00, 0xff, 0xff, 0x80, 0x00], { is_bigendian: 1 })), [1, 255, 128]);
  });

  it('with the name of an OpenCV type has the order of OpenCV', () => {
    assert.deepEqual(pixels(row('8UC1', 3, [0, 7, 255])), [0, 7, 255]);
    assert.deepEqual(pixels(row('8UC3', 2, [3, 2, 1, 6, 5, 4])), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(pixels(row('8UC4', 1, [3, 2, 1, 9])), [1, 2, 3]);
  });

  it('as a Bayer mosaic has the missing colours of the nearest neighbours, also at its edges', () => {
    const bytes = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];
    const mosaic = (encoding: string, data: readonly number[] = bytes, over: Partial<RawImage> = {}) =>
      pixels(row(encoding, 4, data, { height: 3, step: data.length / 3, ...over }));
    // Row 1 of RGGB is G B G B, so its second pixel is blue with green at its sides and red at its corners.
    const rggb = mosaic('bayer_rggb8');
    assert.deepEqual(rggb.slice(3 * 5, 3 * 6), [(10 + 30 + 90 + 110) / 4, (50 + 70 + 20 + 100) / 4, 60]);
    assert.deepEqual(rggb.slice(3 * 6, 3 * 7), [(30 + 110) / 2, 70, (60 + 80) / 2]);
    assert.deepEqual(rggb.slice(0, 3), [10, (20 + 20 + 50 + 50) / 4, 60], 'the corner mirrors its neighbours');
    const swapped = rggb.map((_, i) => rggb[i - (i % 3) + 2 - (i % 3)]);
    assert.deepEqual(mosaic('bayer_bggr8'), swapped, 'red and blue are exchanged');
    assert.deepEqual(mosaic('bayer_grbg8').slice(3 * 5, 3 * 6), [(20 + 100) / 2, 60, (50 + 70) / 2]);
    assert.deepEqual(mosaic('bayer_gbrg8').slice(3 * 5, 3 * 6), [(50 + 70) / 2, 60, (20 + 100) / 2]);
    const wide = bytes.flatMap((value) => [value, value]);
    for (const pattern of ['rggb', 'bggr', 'gbrg', 'grbg'])
      assert.deepEqual(mosaic(`bayer_${pattern}16`, wide), mosaic(`bayer_${pattern}8`));
    const high = bytes.flatMap((value) => [value, 0]);
    assert.deepEqual(mosaic('bayer_rggb16', high, { is_bigendian: 1 })[0], 10);
  });

  it('with distances is stretched from the nearest to the farthest; an unknown distance is black', () => {
    const millimetres = [0, 1_000, 3_000, 2_000].flatMap((mm) => [mm & 0xff, mm >> 8]);
    assert.deepEqual(pixels(row('16UC1', 4, millimetres)), [0, 1, 255, 128]);
    const bigEndian = [0, 1_000, 3_000, 2_000].flatMap((mm) => [mm >> 8, mm & 0xff]);
    assert.deepEqual(pixels(row('16UC1', 4, bigEndian, { is_bigendian: 1 })), [0, 1, 255, 128]);
    assert.deepEqual(pixels(row('16UC1', 2, [0, 0, 0, 0])), [0, 0]);
  });

  it('in YUV is converted by BT.601: black, white and red; values outside the range are clamped', () => {
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

  it('without padding and conversion is not copied', () => {
    const image = row('rgb8', 1, [1, 2, 3]);
    assert.equal(unpacked(image).data, image.data);
  });

  it('with padding after its rows has the same pixels', () => {
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

  it('has the described number of pixels at any size', () => {
    fc.assert(
      fc.property(anImage, (image) => {
        const { width, height, channels, data } = unpacked(image);
        assert.deepEqual([width, height, data.length], [image.width, image.height, image.width * image.height * channels]);
      }),
      { numRuns: 2_000 },
    );
  });

  for (const [reason, change] of [
    ['encoding', { encoding: '32FC1' }],
    ['empty', { encoding: 'bayer_rggb8' }],
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
    it(`is refused if its description is wrong: ${JSON.stringify(change, (key, value) => (key === 'data' ? value.length : value))} is ${reason}`, () => {
      assert.equal(refusal({ ...row('rgb8', 2, [1, 2, 3, 4, 5, 6]), ...change }), reason);
    });
  }

  it('with random fields is accepted or refused, without more memory than its bytes need', () => {
    const number = fc.oneof(fc.nat(12), fc.constantFrom(0xffff_ffff, 0x8000_0000, 65_536, MAX_PIXELS), fc.nat(0xffff_ffff));
    const encoding = fc.oneof(fc.constantFrom(...Object.keys(ENCODINGS)), fc.string());
    const before = process.memoryUsage.rss();
    let [accepted, refused] = [0, 0];
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
            accepted += 1;
          } catch (error) {
            assert.ok(error instanceof AgentError && error.code === 'PICTURE_INVALID', String(error));
            refused += 1;
          }
        },
      ),
      { numRuns: 50_000, examples: [[1, 2, 3, 'rgb8', new Uint8Array(6), 0]] },
    );
    assert.ok(accepted > 0 && refused > 0, `${accepted} accepted, ${refused} refused`);
    assert.ok(process.memoryUsage.rss() - before < 200e6);
  });
});

describe('a privacy zone', () => {
  it('is black and rounded outwards, and no other pixel changes', () => {
    fc.assert(
      fc.property(anImage, fc.array(aZone, { maxLength: 3 }), fc.nat(3), (image, zones, margin) => {
        const { width, height, channels } = unpacked(image);
        const pixels = { width, height, channels, data: new Uint8Array(width * height * channels).fill(255) };
        blackOut(pixels, zones, margin);
        for (let y = 0; y < height; y += 1) {
          for (let x = 0; x < width; x += 1) {
            const isWithin = (at: number, total: number, from: number, size: number) =>
              at >= Math.floor(from * total) - margin && at < Math.ceil((from + size) * total) + margin;
            const isBlack = zones.some((zone) => isWithin(x, width, zone.x, zone.width) && isWithin(y, height, zone.y, zone.height));
            for (let c = 0; c < channels; c += 1) {
              assert.equal(pixels.data[(y * width + x) * channels + c], isBlack ? 0 : 255, `${x}, ${y} of ${width} x ${height}`);
            }
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

const anImage: fc.Arbitrary<RawImage> = fc
  .tuple(fc.constantFrom(...Object.entries(ENCODINGS)), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.nat(1))
  .chain(([[encoding, { bytesPerPixel, group, bayer }], groups, rows, is_bigendian]) => {
    const least = bayer ? 1 : 0;
    const [width, height] = [groups * group + least, rows + least];
    const step = width * bytesPerPixel;
    return fc
      .uint8Array({ minLength: step * height, maxLength: step * height })
      .map((data) => ({ encoding, width, height, step, is_bigendian, data }));
  });

const aZone = fc
  .tuple(fc.nat(99), fc.nat(99), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }))
  .map(([x, y, w, h]) => ({ x: x / 100, y: y / 100, width: Math.min(w, 100 - x) / 100, height: Math.min(h, 100 - y) / 100 }));
