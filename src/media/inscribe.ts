// What a picture says of itself, within its file: which camera, when, of what. It also makes each file its own: the store keeps files
// of the same bytes once, and of a dark room two alerts would share one.

export interface Inscription {
  readonly camera: string;
  /** ISO 8601, UTC. */
  readonly taken: string;
  readonly incident: string | null;
}

const START_OF_IMAGE = 2;
const COMMENT = 0xfffe;

/** Puts it into a JPEG as a comment, right after its start. */
export function inscribeJpeg(jpeg: Buffer, inscription: Inscription): Buffer {
  const text = Buffer.from(JSON.stringify(inscription));
  const head = Buffer.alloc(4);
  head.writeUInt16BE(COMMENT, 0);
  head.writeUInt16BE(text.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, START_OF_IMAGE), head, text, jpeg.subarray(START_OF_IMAGE)]);
}
