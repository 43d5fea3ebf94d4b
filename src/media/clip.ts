// Makes a clip: kept pictures in order, as an animated WebP that any browser plays. It is small enough for a bad link, and limited in
// pixels so that a small computer has the memory for it.

import type { Inscription } from './inscribe.ts';
import type { Picture } from './picture.ts';
import { loadSharp, STRICT } from './sharp.ts';

export interface Frame extends Picture {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  /** Wall time in milliseconds. */
  readonly takenAtMs: number;
}

/** Pixels of all frames together, three bytes each: longer clips get smaller pictures. */
const MAX_CLIP_PIXELS = 10_000_000;

const QUALITY = 55;
/** WebP effort from 0 to 6. More effort costs processor time and saves little on pictures this small. */
const EFFORT = 0;

/** How long the last frame is shown before the clip repeats. */
const LAST_FRAME_MS = 1_500;

/** @param frames oldest first, at least one; frames with another size than the last are left out. */
export async function makeClip(frames: readonly Frame[], inscription: Inscription): Promise<Buffer> {
  const sharp = await loadSharp();
  const last = frames.at(-1);
  const same = frames.filter(({ width, height }) => width === last?.width && height === last.height);
  const jpegs = await shrunk(same);
  const delay = same.map(({ atMs }, i) => Math.max(1, Math.round((same[i + 1]?.atMs ?? atMs + LAST_FRAME_MS) - atMs)));
  const [first] = jpegs;
  // sharp joins two or more images only, so a clip with one frame is a still picture.
  const joined = jpegs.length > 1 ? sharp(jpegs, { ...STRICT, join: { animated: true } }) : sharp(first, STRICT);
  const exif = { IFD0: { ImageDescription: JSON.stringify(inscription) } };
  return joined.withExif(exif).webp({ quality: QUALITY, effort: EFFORT, delay, loop: 0 }).toBuffer();
}

async function shrunk(frames: readonly Frame[]): Promise<Buffer[]> {
  const pixels = frames.reduce((sum, { width, height }) => sum + width * height, 0);
  const scale = Math.sqrt(MAX_CLIP_PIXELS / pixels);
  if (scale >= 1) return frames.map(({ jpeg }) => jpeg);
  const sharp = await loadSharp();
  const small: Buffer[] = [];
  // In order: one job at a time.
  for (const { jpeg, width } of frames)
    small.push(
      await sharp(jpeg, STRICT)
        .resize({ width: Math.floor(width * scale) })
        .jpeg()
        .toBuffer(),
    );
  return small;
}
