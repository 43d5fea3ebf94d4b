// Creates the files that leave the robot: JPEGs with a description, and clips as animated WebP, which every browser can play.
import { loadSharp, type SmallImage, STRICT } from './image.ts';

export interface Frame extends SmallImage {
  /** In monotonic milliseconds. */
  readonly atMs: number;
  /** In wall time, milliseconds. */
  readonly takenAtMs: number;
}

/**
 * Stored inside each file. It must differ for every file: the store keeps identical bytes only once, so without it two alerts in the dark
 * would share one image.
 */
export interface Description {
  readonly camera: string;
  /** ISO 8601, UTC. */
  readonly taken: string;
  readonly incident: string | null;
}

const START_OF_IMAGE = 2;
const COMMENT = 0xfffe;

/** Inserts the description as a JPEG comment (COM segment) right after the start-of-image marker. */
export function describeJpeg(jpeg: Buffer, description: Description): Buffer {
  const text = Buffer.from(JSON.stringify(description));
  const head = Buffer.alloc(4);
  head.writeUInt16BE(COMMENT, 0);
  head.writeUInt16BE(text.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, START_OF_IMAGE), head, text, jpeg.subarray(START_OF_IMAGE)]);
}

/** Limits the total number of pixels in a clip, which suits slow links and computers with little memory. Each takes three bytes. */
const MAX_CLIP_PIXELS = 10_000_000;

const QUALITY = 55;
/** WebP encoding effort, from 0 to 6. More effort costs processor time but saves little for images of this size. */
const EFFORT = 0;

/** How long the last frame is shown before the clip repeats. */
const LAST_FRAME_MS = 1_500;

/** @param frames oldest first, at least one. Frames whose size differs from the last frame's are left out. */
export async function makeClip(frames: readonly Frame[], description: Description): Promise<Buffer> {
  const sharp = await loadSharp();
  const last = frames.at(-1);
  const same = frames.filter(({ width, height }) => width === last?.width && height === last.height);
  const jpegs = await shrunk(same);
  const delay = same.map(({ atMs }, i) => Math.max(1, Math.round((same[i + 1]?.atMs ?? atMs + LAST_FRAME_MS) - atMs)));
  // sharp can only join two or more images, so a clip with one frame becomes a still image.
  const joined = jpegs.length > 1 ? sharp(jpegs, { ...STRICT, join: { animated: true } }) : sharp(jpegs[0], STRICT);
  const exif = { IFD0: { ImageDescription: JSON.stringify(description) } };
  return joined.withExif(exif).webp({ quality: QUALITY, effort: EFFORT, delay, loop: 0 }).toBuffer();
}

async function shrunk(frames: readonly Frame[]): Promise<Buffer[]> {
  const pixels = frames.reduce((sum, { width, height }) => sum + width * height, 0);
  const scale = Math.sqrt(MAX_CLIP_PIXELS / pixels);
  if (scale >= 1) return frames.map(({ jpeg }) => jpeg);
  const sharp = await loadSharp();
  const small: Buffer[] = [];
  // Resize one frame at a time, to limit memory use.
  for (const { jpeg, width } of frames) {
    const resized = sharp(jpeg, STRICT).resize({ width: Math.floor(width * scale) });
    small.push(await resized.jpeg().toBuffer());
  }
  return small;
}
