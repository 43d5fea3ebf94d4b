// Converts a sensor_msgs/Image to plain pixels. The message's fields are checked against its bytes before any memory is allocated, so a
// wrong field only causes an error. No side effects. The work is a generator, so that the caller can run other tasks between slices.
import { AgentError } from '../errors.ts';
import { type BayerPattern, bayerRows, type Mosaic } from './bayer.ts';
import { ENCODINGS, type Encoding } from './encodings.ts';

/** The fields of sensor_msgs/Image that are used. */
export interface RawImage {
  readonly width: number;
  readonly height: number;
  readonly encoding: string;
  readonly is_bigendian: number;
  /** Bytes from the start of one row to the start of the next. */
  readonly step: number;
  readonly data: Uint8Array;
}

export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  /** Rows without padding. This is the message's own buffer if its rows have no padding and need no conversion. */
  readonly data: Uint8Array;
}

/** 4096 x 4096, more than any robot's camera has. At four bytes per pixel, this is 64 MiB. */
export const MAX_PIXELS = 2 ** 24;

/** Pixels per slice. One slice takes a fraction of a millisecond, or about one millisecond for a Bayer mosaic. */
const SLICE_PIXELS = 2 ** 16;

export function invalidImage(text: string, fields: Readonly<Record<string, unknown>> = {}): AgentError {
  return new AgentError('PICTURE_INVALID', text, { fields });
}

/** Yields after each slice. @throws AgentError PICTURE_INVALID, before any memory is allocated. */
export function* unpack(image: RawImage): Generator<undefined, Pixels> {
  const encoding = check(image);
  const { width, height, step, data } = image;
  const { channels, bytesPerPixel, unpack: unpackRow, wide, bayer } = encoding;
  if (bayer) return yield* colours(image, encoding, bayer);
  if (!unpackRow && !wide && step === width * bytesPerPixel) return { width, height, channels, data };
  const rowBytes = width * channels;
  const out = new Uint8ClampedArray(rowBytes * height);
  const fill: (row: number) => void = wide
    ? yield* wideRows(image, wide, out)
    : unpackRow
      ? (row) => unpackRow(data, row * step, out, row * rowBytes, width)
      : (row) => out.set(data.subarray(row * step, row * step + rowBytes), row * rowBytes);
  yield* slices(image, fill);
  return { width, height, channels, data: new Uint8Array(out.buffer) };
}

/** Sixteen bits are first reduced to eight, because the colours are interpolated anyway. */
function* colours(image: RawImage, { wide }: Encoding, pattern: BayerPattern): Generator<undefined, Pixels> {
  const { width, height } = image;
  let mosaic: Mosaic = image;
  if (wide) {
    const grey = new Uint8ClampedArray(width * height);
    yield* slices(image, yield* wideRows(image, wide, grey));
    mosaic = { width, height, step: width, data: new Uint8Array(grey.buffer) };
  }
  const out = new Uint8ClampedArray(width * height * 3);
  yield* slices(image, bayerRows(mosaic, pattern, out));
  return { width, height, channels: 3, data: new Uint8Array(out.buffer) };
}

function* slices({ width, height }: RawImage, work: (row: number) => void): Generator<undefined, void> {
  const rows = Math.max(1, Math.floor(SLICE_PIXELS / width));
  for (let row = 0; row < height; row += 1) {
    work(row);
    if ((row + 1) % rows === 0) yield;
  }
}

/** Reduces two bytes per pixel to one. `stretched` maps the image's own range of values, without 0, to all grey levels. */
function* wideRows(image: RawImage, wide: 'scaled' | 'stretched', out: Uint8ClampedArray): Generator<undefined, (row: number) => void> {
  const { width, step, data, is_bigendian: isBigEndian } = image;
  const [high, low] = isBigEndian ? [0, 1] : [1, 0];
  const at = (row: number, x: number) => {
    const from = row * step + 2 * x;
    return ((data[from + high] as number) << 8) | (data[from + low] as number);
  };
  if (wide === 'scaled') {
    return (row) => {
      for (let x = 0; x < width; x += 1) out[row * width + x] = (at(row, x) * 255) / 65_535;
    };
  }
  let least = 65_535;
  let most = 0;
  yield* slices(image, (row) => {
    for (let x = 0; x < width; x += 1) {
      const value = at(row, x);
      if (value > most) most = value;
      if (value !== 0 && value < least) least = value;
    }
  });
  // 0 must stay black, so map the smallest other value to 1.
  const scale = most > least ? 254 / (most - least) : 0;
  return (row) => {
    for (let x = 0; x < width; x += 1) {
      const value = at(row, x);
      out[row * width + x] = value === 0 ? 0 : 1 + (value - least) * scale;
    }
  };
}

function check({ width, height, encoding: name, step, data }: RawImage): Encoding {
  const encoding = Object.hasOwn(ENCODINGS, name) ? ENCODINGS[name] : undefined;
  if (!encoding) {
    const known = Object.keys(ENCODINGS).join(', ');
    throw invalidImage(`encoding ${JSON.stringify(name.slice(0, 40))} is not one of ${known}`, { why: 'encoding' });
  }
  if (width === 0 || height === 0) throw invalidImage(`it is ${width} x ${height} pixels`, { why: 'empty' });
  if (width * height > MAX_PIXELS) {
    throw invalidImage(`it has ${width} x ${height} pixels, more than the limit of ${MAX_PIXELS}`, { why: 'too_large' });
  }
  if (width % encoding.group !== 0) {
    throw invalidImage(`it is ${width} pixels wide, but ${name} needs an even width`, { why: 'odd_width' });
  }
  if (encoding.bayer && (width < 2 || height < 2)) {
    throw invalidImage(`it is ${width} x ${height} pixels, but the colours of ${name} need two rows and two columns`, { why: 'empty' });
  }
  const rowBytes = width * encoding.bytesPerPixel;
  if (step < rowBytes) {
    throw invalidImage(`step is ${step} bytes, but a row of ${width} pixels in ${name} has ${rowBytes}`, { why: 'step' });
  }
  if (step * height !== data.length) {
    throw invalidImage(`it has ${data.length} bytes, but step x height is ${step} x ${height} = ${step * height}`, { why: 'size' });
  }
  return encoding;
}
