// Converts a camera's message to a small JPEG in which privacy zones are black. Compressed bytes are decoded only by libvips, on its own
// thread. Loops in this module must run in slices, so that an alert never has to wait for an image.
import { setImmediate as turn } from 'node:timers/promises';
import type { Sharp, SharpOptions, default as sharpFactory } from 'sharp';
import { messageOf } from '../base/index.ts';
import type { CameraConfig, PrivacyZone } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { invalidImage, MAX_PIXELS, type Pixels, type RawImage, unpack } from './unpack.ts';

/** The fields of sensor_msgs/CompressedImage that are used. */
export interface CompressedImage {
  readonly format: string;
  readonly data: Uint8Array;
}

export type CameraMessage = RawImage | CompressedImage;

export interface SmallImage {
  readonly jpeg: Buffer;
  readonly width: number;
  readonly height: number;
}

/** In bytes. No camera's image should be this large. */
const MAX_COMPRESSED_BYTES = 16 * 1024 ** 2;

/** The formats that cameras send. libvips can read many more, but each format adds to the attack surface. */
const SIGNATURES: Readonly<Record<string, (data: Uint8Array) => boolean>> = {
  JPEG: (data) => data[0] === 0xff && data[1] === 0xd8 && data[2] === 0xff,
  PNG: (data) => [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => data[i] === byte),
  WebP: (data) => latin(data, 0, 4) === 'RIFF' && latin(data, 8, 12) === 'WEBP',
};

/**
 * Scaling down with Lanczos 3 mixes pixels up to this distance, so zones must be this much larger, or their content would show at the
 * edges.
 */
const ZONE_MARGIN_PX = 4;

/** With these limits, a broken or malicious image causes an error. */
export const STRICT = { failOn: 'error', limitInputPixels: MAX_PIXELS } as const satisfies SharpOptions;

let loading: Promise<typeof sharpFactory> | undefined;

/**
 * Loads sharp when it is first needed, so that an agent without a camera saves its memory. sharp gets no cache and one thread: glibc would
 * keep the memory of many threads instead of returning it to the system, and a processor core should stay free for alerts.
 * @throws if sharp has no binary for this machine.
 */
export function loadSharp(): Promise<typeof sharpFactory> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
  return loading;
}

export type ImageRules = Pick<CameraConfig, 'width' | 'quality' | 'zones'>;

/** @throws AgentError PICTURE_INVALID with the fault. */
export async function makeImage(message: CameraMessage, rules: ImageRules): Promise<SmallImage> {
  const image = 'encoding' in message ? await fromPixels(message, rules) : await fromCompressed(message, rules);
  const { data, info } = await image.jpeg({ quality: rules.quality }).toBuffer({ resolveWithObject: true }).catch(refuse);
  return { jpeg: data, width: info.width, height: info.height };
}

async function fromPixels(message: RawImage, { width, zones }: ImageRules): Promise<Sharp> {
  const pixels = await inSlices(unpack(message));
  // The colours next to a zone of a Bayer mosaic are partly interpolated from the zone's pixels.
  blackOut(pixels, zones, message.encoding.startsWith('bayer_') ? 1 : 0);
  return (await open(pixels)).resize({ width, withoutEnlargement: true });
}

async function fromCompressed({ format, data }: CompressedImage, { width, zones }: ImageRules): Promise<Sharp> {
  if (data.length > MAX_COMPRESSED_BYTES) {
    throw invalidImage(`it has ${data.length} bytes, more than the limit of ${MAX_COMPRESSED_BYTES}`, { why: 'too_large' });
  }
  if (!Object.values(SIGNATURES).some((matches) => matches(data))) {
    const known = Object.keys(SIGNATURES).join(', ');
    const shown = JSON.stringify(format.slice(0, 80));
    throw invalidImage(`its ${data.length} bytes (format ${shown}) are not one of ${known}`, { why: 'format' });
  }
  const sharp = await loadSharp();
  const small = sharp(data, STRICT).resize({ width, withoutEnlargement: true }).flatten().toColourspace('srgb');
  if (zones.length === 0) return small;
  const { data: bytes, info } = await small.raw().toBuffer({ resolveWithObject: true }).catch(refuse);
  const pixels: Pixels = { width: info.width, height: info.height, channels: info.channels as Pixels['channels'], data: bytes };
  blackOut(pixels, zones, ZONE_MARGIN_PX);
  return open(pixels);
}

async function open({ width, height, channels, data }: Pixels): Promise<Sharp> {
  const sharp = await loadSharp();
  // A camera's fourth byte per pixel is not transparency, so drop it.
  return sharp(data, { ...STRICT, raw: { width, height, channels } }).removeAlpha();
}

/** Gives the event loop a turn after each slice. */
async function inSlices(work: Generator<undefined, Pixels>): Promise<Pixels> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await turn();
  }
}

function refuse(error: unknown): never {
  if (error instanceof AgentError) throw error;
  throw invalidImage(`it can't be decoded: ${messageOf(error).split('\n')[0]}`, { why: 'undecodable' });
}

function latin(data: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...data.subarray(from, to));
}

/**
 * Blackens the zones in place, rounding outwards to whole pixels.
 * @param margin extra pixels on each side, needed if the image has been scaled down or interpolated.
 */
export function blackOut({ width, height, channels, data }: Pixels, zones: readonly PrivacyZone[], margin = 0): void {
  for (const zone of zones) {
    const left = Math.max(0, Math.floor(zone.x * width) - margin);
    const right = Math.min(width, Math.ceil((zone.x + zone.width) * width) + margin);
    const top = Math.max(0, Math.floor(zone.y * height) - margin);
    const bottom = Math.min(height, Math.ceil((zone.y + zone.height) * height) + margin);
    for (let row = top; row < bottom; row += 1) data.fill(0, (row * width + left) * channels, (row * width + right) * channels);
  }
}
