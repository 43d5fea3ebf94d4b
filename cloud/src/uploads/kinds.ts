// What may be uploaded, and how much of it. Pure.
import { z } from 'zod';
import { wallTime } from '../../../src/wire/index.ts';

const MIB = 1024 * 1024;

/** Largest object (docs/reference/protocol.md, Uploads). A longer file comes in slices, each an object of its own. */
export const MAX_OBJECT_BYTES = 20 * MIB;

interface Kind {
  /** Of the whole; slices of one log or backup have its `taken_at` in common. */
  readonly wholeBytes: number;
  /** Content types, with the ending of the object's name. */
  readonly types: Readonly<Record<string, string>>;
}

/** What a robot has encrypted (age) before it left: nobody here knows what is in it. */
const ENCRYPTED = 'application/age';
const SEALED = { [ENCRYPTED]: 'age' } as const;
const DOCUMENTS = { 'application/json': 'json', 'application/gzip': 'gz', 'application/octet-stream': 'bin', ...SEALED } as const;

export const KINDS = {
  snapshot: { wholeBytes: 5 * MIB, types: { 'image/jpeg': 'jpg', 'image/webp': 'webp', 'image/png': 'png', ...SEALED } },
  clip: { wholeBytes: 20 * MIB, types: { 'image/webp': 'webp', 'image/gif': 'gif', 'video/mp4': 'mp4', 'video/webm': 'webm', ...SEALED } },
  log: { wholeBytes: 50 * MIB, types: { ...DOCUMENTS, 'text/plain': 'log' } },
  backup: { wholeBytes: 200 * MIB, types: DOCUMENTS },
} as const satisfies Record<string, Kind>;

export type UploadKind = keyof typeof KINDS;

/** The pictures that a member may look at. */
export const PICTURES = ['snapshot', 'clip'] as const satisfies readonly UploadKind[];

const TYPES = [...new Set(Object.values(KINDS).flatMap(({ types }) => Object.keys(types)))];

export const uploadRequest = z
  .object({
    kind: z.enum(Object.keys(KINDS) as [UploadKind, ...UploadKind[]]),
    content_type: z.enum(TYPES),
    size: z.number().int().min(1).max(MAX_OBJECT_BYTES, `one object has at most ${MAX_OBJECT_BYTES} bytes; slice what is longer`),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case'),
    taken_at: wallTime,
    incident: z.string().min(1).max(64).nullish(),
  })
  .superRefine(({ kind, content_type, size }, context) => {
    const { wholeBytes, types } = KINDS[kind];
    const known = Object.keys(types);
    const most = Math.min(wholeBytes, MAX_OBJECT_BYTES);
    if (!known.includes(content_type)) {
      context.addIssue({ code: 'custom', path: ['content_type'], message: `a ${kind} is one of ${known.join(', ')}` });
    }
    if (size > most && size <= MAX_OBJECT_BYTES) {
      context.addIssue({ code: 'custom', path: ['size'], message: `one ${kind} has at most ${most} bytes` });
    }
  });
export type UploadRequest = z.infer<typeof uploadRequest>;

export function isEncrypted(contentType: string): boolean {
  return contentType === ENCRYPTED;
}

/** The hash is in it, so sending twice stores once. The day is the one on which it was announced, by the cloud's clock. */
export function objectKey(thing: string, { kind, content_type, sha256 }: UploadRequest, nowMs: number): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '/');
  const ending = (KINDS[kind].types as Readonly<Record<string, string>>)[content_type] ?? 'bin';
  return `${thing}/${kind}/${day}/${sha256}.${ending}`;
}

/** Of a day's bytes this part is for incidents' pictures alone: whatever else a robot has sent, the family sees what happened. */
const RESERVE = 1 / 4;

/** What a robot has announced already: that day by the cloud's clock, and of the same whole. */
export interface Announced {
  readonly dayBytes: number;
  readonly wholeBytes: number;
}

/** What may be announced of this: on one day together, and of the same whole; null where a whole is one object. */
export function limitsOf({ kind, incident }: UploadRequest, dailyBytes: number): { dayBytes: number; wholeBytes: number | null } {
  const whole = KINDS[kind].wholeBytes;
  const isAwaited = Boolean(incident) && (PICTURES as readonly UploadKind[]).includes(kind);
  return {
    dayBytes: isAwaited ? dailyBytes : Math.floor(dailyBytes * (1 - RESERVE)),
    wholeBytes: whole > MAX_OBJECT_BYTES ? whole : null,
  };
}

/** @returns why not, in whose limit; null where it may. */
export function overLimit(
  request: UploadRequest,
  announced: Announced,
  dailyBytes: number,
): { readonly status: 413 | 429; readonly why: string } | null {
  const { dayBytes, wholeBytes } = limitsOf(request, dailyBytes);
  if (wholeBytes !== null && announced.wholeBytes + request.size > wholeBytes) {
    return { status: 413, why: `the slices of one ${request.kind} have at most ${wholeBytes} bytes together` };
  }
  if (announced.dayBytes + request.size > dayBytes) {
    const rest = dayBytes === dailyBytes ? '' : '; the rest is for pictures of incidents';
    return { status: 429, why: `this robot's ${dayBytes} bytes of uploads for today are used up${rest}` };
  }
  return null;
}
