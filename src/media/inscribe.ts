// Writes the description of a picture into its file: camera, time and subject. This also makes each file unique: the store keeps files
// with equal bytes once, and two alerts in the dark would otherwise share one picture.

export interface Inscription {
  readonly camera: string;
  /** ISO 8601, UTC. */
  readonly taken: string;
  readonly incident: string | null;
}

const START_OF_IMAGE = 2;
const COMMENT = 0xfffe;

/** Inserts the description into a JPEG as a comment, right after its start marker. */
export function inscribeJpeg(jpeg: Buffer, inscription: Inscription): Buffer {
  const text = Buffer.from(JSON.stringify(inscription));
  const head = Buffer.alloc(4);
  head.writeUInt16BE(COMMENT, 0);
  head.writeUInt16BE(text.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, START_OF_IMAGE), head, text, jpeg.subarray(START_OF_IMAGE)]);
}
