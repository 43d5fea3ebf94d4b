// Turns a camera's message into the small JPEG that is kept, and kept ones into a clip. Bytes are decoded only here, in libvips' thread.
// This module's own loops run in slices, so that an alert never waits for a picture.
import { setImmediate as turn } from 'node:timers/promises';
import type { Sharp } from 'sharp';
import { messageOf } from '../base/index.ts';
import type { CameraConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { loadSharp, STRICT } from './sharp.ts';
import { type ImageMessage, invalidPicture, type Pixels, unpack } from './unpack.ts';
import { blackOut } from './zones.ts';

/** sensor_msgs/CompressedImage. */
export interface CompressedMessage {
  readonly format: string;
  readonly data: Uint8Array;
}

export type PictureMessage = ImageMessage | CompressedMessage;

export interface Picture {
  readonly jpeg: Buffer;
  readonly width: number;
  readonly height: number;
}

/** Larger than any camera's frame. */
export const MAX_COMPRESSED_BYTES = 16 * 1024 ** 2;

/** Formats that cameras send. libvips could read many more, but each is an attack surface. */
const SIGNATURES: Readonly<Record<string, (data: Uint8Array) => boolean>> = {
  JPEG: (data) => data[0] === 0xff && data[1] === 0xd8 && data[2] === 0xff,
  PNG: (data) => [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => data[i] === byte),
  WebP: (data) => latin(data, 0, 4) === 'RIFF' && latin(data, 8, 12) === 'WEBP',
};

/** In a picture that was scaled down, a pixel depends on neighbours up to this distance (Lanczos 3). */
const ZONE_MARGIN_PX = 4;

export type PictureRules = Pick<CameraConfig, 'width' | 'quality' | 'zones'>;

/** @throws AgentError PICTURE_INVALID with the fault. */
export async function makePicture(message: PictureMessage, rules: PictureRules): Promise<Picture> {
  const made = 'encoding' in message ? await fromPixels(message, rules) : await fromCompressed(message, rules);
  const { data, info } = await made.jpeg({ quality: rules.quality }).toBuffer({ resolveWithObject: true }).catch(refuse);
  return { jpeg: data, width: info.width, height: info.height };
}

async function fromPixels(message: ImageMessage, { width, zones }: PictureRules): Promise<Sharp> {
  const pixels = await inSlices(unpack(message));
  blackOut(pixels, zones);
  return (await open(pixels)).resize({ width, withoutEnlargement: true });
}

async function fromCompressed({ format, data }: CompressedMessage, { width, zones }: PictureRules): Promise<Sharp> {
  if (data.length > MAX_COMPRESSED_BYTES) {
    throw invalidPicture(`it has ${data.length} bytes, more than the ${MAX_COMPRESSED_BYTES} that are taken`, { why: 'too_large' });
  }
  if (!Object.values(SIGNATURES).some((is) => is(data))) {
    const known = Object.keys(SIGNATURES).join(', ');
    throw invalidPicture(`its ${data.length} bytes (format ${JSON.stringify(format.slice(0, 80))}) are not one of ${known}`, {
      why: 'format',
    });
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
  // The fourth byte of a camera's pixel is not transparency.
  return sharp(data, { ...STRICT, raw: { width, height, channels } }).removeAlpha();
}

/** Between slices the event loop gets a turn. */
async function inSlices(work: Generator<undefined, Pixels>): Promise<Pixels> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await turn();
  }
}

function refuse(error: unknown): never {
  if (error instanceof AgentError) throw error;
  throw invalidPicture(`it can't be decoded: ${messageOf(error).split('\n')[0]}`, { why: 'undecodable' });
}

function latin(data: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...data.subarray(from, to));
}
