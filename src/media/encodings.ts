// The supported encodings of sensor_msgs/Image (sensor_msgs/image_encodings.hpp), each with a function that converts one row. No side
// effects.
import type { BayerPattern } from './bayer.ts';

/** Converts `width` pixels of `source`, starting at byte `from`, and writes them to `out`, starting at byte `to`. */
export type UnpackRow = (source: Uint8Array, from: number, out: Uint8ClampedArray, to: number, width: number) => void;

export interface Encoding {
  /** Bytes per pixel in the ROS message. */
  readonly bytesPerPixel: number;
  /** Bytes per pixel in the converted image. */
  readonly channels: 1 | 3 | 4;
  /** How many neighbouring pixels share bytes. The image's width must be a multiple of this. */
  readonly group: 1 | 2;
  /** Undefined if the bytes need no conversion. */
  readonly unpack?: UnpackRow;
  /**
   * Set if a pixel has two bytes, in the order that `is_bigendian` gives. `stretched` maps the image's own range of values to all grey
   * levels.
   */
  readonly wide?: 'scaled' | 'stretched';
  /** Set if each pixel has only one of the colours, in this pattern. */
  readonly bayer?: BayerPattern;
}

const unchanged = (channels: 1 | 3 | 4): Encoding => ({ bytesPerPixel: channels, channels, group: 1 });
const swapped = (bytesPerPixel: 3 | 4): Encoding => ({ bytesPerPixel, channels: 3, group: 1, unpack: swapper(bytesPerPixel) });
const yuv = (luma: 0 | 1): Encoding => ({ bytesPerPixel: 2, channels: 3, group: 2, unpack: yuvReader(luma) });

const bayer = (pattern: BayerPattern): Encoding => ({ bytesPerPixel: 1, channels: 3, group: 1, bayer: pattern });
const wideBayer = (pattern: BayerPattern): Encoding => ({ ...bayer(pattern), bytesPerPixel: 2, wide: 'scaled' });

const UYVY = yuv(1);
const YUYV = yuv(0);

export const ENCODINGS: Readonly<Record<string, Encoding>> = {
  rgb8: unchanged(3),
  rgba8: unchanged(4),
  mono8: unchanged(1),
  bgr8: swapped(3),
  bgra8: swapped(4),
  /** The names of OpenCV's types say nothing about colours. cv_bridge gives them to an array without an encoding, in OpenCV's order BGR. */
  '8UC1': unchanged(1),
  '8UC3': swapped(3),
  '8UC4': swapped(4),
  mono16: { bytesPerPixel: 2, channels: 1, group: 1, wide: 'scaled' },
  /** Usually a depth image: distances in millimetres, or 0 if nothing was measured. */
  '16UC1': { bytesPerPixel: 2, channels: 1, group: 1, wide: 'stretched' },
  yuv422: UYVY,
  uyvy: UYVY,
  yuv422_yuy2: YUYV,
  yuyv: YUYV,
  bayer_rggb8: bayer('rggb'),
  bayer_bggr8: bayer('bggr'),
  bayer_gbrg8: bayer('gbrg'),
  bayer_grbg8: bayer('grbg'),
  bayer_rggb16: wideBayer('rggb'),
  bayer_bggr16: wideBayer('bggr'),
  bayer_gbrg16: wideBayer('gbrg'),
  bayer_grbg16: wideBayer('grbg'),
};

function swapper(bytesPerPixel: 3 | 4): UnpackRow {
  return (source, from, out, to, width) => {
    for (let i = 0, at = from, into = to; i < width; i += 1, at += bytesPerPixel, into += 3) {
      out[into] = source[at + 2] as number;
      out[into + 1] = source[at + 1] as number;
      out[into + 2] = source[at] as number;
    }
  };
}

/**
 * Converts YUV to RGB by BT.601, studio range, in 8-bit fixed-point arithmetic. @param luma offset of the first Y in `Y U Y V` or `U Y V
 * Y`.
 */
function yuvReader(luma: 0 | 1): UnpackRow {
  const chroma = 1 - luma;
  return (source, from, out, to, width) => {
    for (let i = 0, at = from, into = to; i < width; i += 2, at += 4, into += 6) {
      const u = (source[at + chroma] as number) - 128;
      const v = (source[at + chroma + 2] as number) - 128;
      const red = 409 * v + 128;
      const green = 128 - 100 * u - 208 * v;
      const blue = 516 * u + 128;
      const first = 298 * ((source[at + luma] as number) - 16);
      const second = 298 * ((source[at + luma + 2] as number) - 16);
      out[into] = (first + red) >> 8;
      out[into + 1] = (first + green) >> 8;
      out[into + 2] = (first + blue) >> 8;
      out[into + 3] = (second + red) >> 8;
      out[into + 4] = (second + green) >> 8;
      out[into + 5] = (second + blue) >> 8;
    }
  };
}
