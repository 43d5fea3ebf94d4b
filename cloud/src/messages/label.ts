// Names the robot and the urgency of a message before it is decoded, so that a message that has to wait costs only its payload. Nothing
// trusts the label: it decides only what waits with what. Decoding decides whose message it is.
import { constants, inflateSync } from 'node:zlib';
import { placeOf, ZLIB_FIRST_BYTE } from './decode.ts';
import type { Incoming } from './message.ts';
import { thingIn } from './unreadAlerts.ts';

export type Urgency = 'alert' | 'live' | 'backlog';

export interface Label {
  /** The topic without its last level; empty if no pattern matches. A robot may publish only under its own prefix. */
  readonly prefix: string;
  /** The prefix and the thing. Robots that share a prefix differ in the second. */
  readonly robot: string;
  readonly urgency: Urgency;
}

/** The envelope is the first part of a message (docs/reference/protocol.md), and a thing has at most 128 characters. */
const START_BYTES = 512;
const MAX_START_BYTES = 64 * 1024;

export function labelOf(patterns: readonly string[], { topic, payload }: Incoming): Label {
  const place = placeOf(patterns, topic);
  const prefix = place?.prefix ?? '';
  const thing = place?.thing ?? thingIn(startOf(payload)) ?? '';
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const urgency = bytes.includes('"alert"') ? 'alert' : place?.suffix === 'backlog' ? 'backlog' : 'live';
  return { prefix, robot: `${prefix} ${thing}`, urgency };
}

function startOf(payload: Uint8Array): string {
  const start = payload.subarray(0, START_BYTES);
  if (start[0] !== ZLIB_FIRST_BYTE) return Buffer.from(start).toString('latin1');
  try {
    return inflateSync(start, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_START_BYTES }).toString('latin1');
  } catch {
    return '';
  }
}
