// Defines the kinds of uploads, their content types and their size limits. Pure functions.
import { z } from 'zod';
import { wallTime } from '../../../src/wire/index.ts';

const MIB = 1024 * 1024;

/** Largest object (docs/reference/protocol.md, Uploads). The robot sends a longer file in slices, and each slice is an object. */
export const MAX_OBJECT_BYTES = 20 * MIB;

interface Kind {
  /** Size limit of the whole file. All slices of one log or backup have the same `taken_at`. */
  readonly wholeBytes: number;
  /** Content types, each with its file extension. */
  readonly types: Readonly<Record<string, string>>;
}

/** The type of a file that the robot encrypted with age. The cloud cannot read it. */
export const ENCRYPTED = 'application/age';
const SEALED = { [ENCRYPTED]: 'age' } as const;
const DOCUMENTS = { 'application/json': 'json', 'application/gzip': 'gz', 'application/octet-stream': 'bin', ...SEALED } as const;

export const KINDS = {
  snapshot: { wholeBytes: 5 * MIB, types: { 'image/jpeg': 'jpg', 'image/webp': 'webp', 'image/png': 'png', ...SEALED } },
  clip: { wholeBytes: 20 * MIB, types: { 'image/webp': 'webp', 'image/gif': 'gif', 'video/mp4': 'mp4', 'video/webm': 'webm', ...SEALED } },
  log: { wholeBytes: 50 * MIB, types: { ...DOCUMENTS, 'text/plain': 'log' } },
  backup: { wholeBytes: 200 * MIB, types: DOCUMENTS },
} as const satisfies Record<string, Kind>;

export type UploadKind = keyof typeof KINDS;

/** The kinds that members may see. */
export const PICTURES = ['snapshot', 'clip'] as const satisfies readonly UploadKind[];

const TYPES = [...new Set(Object.values(KINDS).flatMap(({ types }) => Object.keys(types)))];

export const uploadRequest = z
  .object({
    kind: z.enum(Object.keys(KINDS) as [UploadKind, ...UploadKind[]]),
    content_type: z.enum(TYPES),
    size: z.number().int().min(1).max(MAX_OBJECT_BYTES, `one object has at most ${MAX_OBJECT_BYTES} bytes; send a longer file in slices`),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case'),
    taken_at: wallTime,
    incident: z.string().min(1).max(64).nullish(),
  })
  .superRefine(({ kind, content_type, size }, context) => {
    const { wholeBytes, types } = KINDS[kind];
    const known = Object.keys(types);
    const most = Math.min(wholeBytes, MAX_OBJECT_BYTES);
    if (!known.includes(content_type)) {
      context.addIssue({ code: 'custom', path: ['content_type'], message: `the type of a ${kind} must be one of ${known.join(', ')}` });
    }
    if (size > most && size <= MAX_OBJECT_BYTES) {
      context.addIssue({ code: 'custom', path: ['size'], message: `one ${kind} has at most ${most} bytes` });
    }
  });
export type UploadRequest = z.infer<typeof uploadRequest>;

/** The key contains the hash, so repeated uploads store one object. The day is the day of the announcement by the cloud's clock. */
export function objectKey(thing: string, { kind, content_type, sha256 }: UploadRequest, nowMs: number): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '/');
  const extension = (KINDS[kind].types as Readonly<Record<string, string>>)[content_type] ?? 'bin';
  return `${thing}/${kind}/${day}/${sha256}.${extension}`;
}

/** The part of the daily bytes that is reserved for pictures of incidents. Other uploads cannot prevent the family from seeing them. */
const RESERVE = 1 / 4;

/** Uploads of a robot: announced in a day, and announced but not yet confirmed by the store. An honest robot opens a few at a time. */
export const MOST_UPLOADS = { dayCount: 2_000, openCount: 100, openBytes: 400 * MIB } as const;

/** Bytes that a robot has already announced: on this day by the cloud's clock, and for the same whole file. */
export interface Announced {
  readonly dayBytes: number;
  readonly wholeBytes: number;
}

/** The limits that apply to an upload: for one day, and for the whole file. `wholeBytes` is null if the file is a single object. */
export function limitsOf({ kind, incident }: UploadRequest, dailyBytes: number) {
  const whole = KINDS[kind].wholeBytes;
  const isUrgent = Boolean(incident) && (PICTURES as readonly UploadKind[]).includes(kind);
  const unreserved = (most: number): number => (isUrgent ? most : Math.floor(most * (1 - RESERVE)));
  return {
    dayBytes: unreserved(dailyBytes),
    dayCount: unreserved(MOST_UPLOADS.dayCount),
    openCount: unreserved(MOST_UPLOADS.openCount),
    openBytes: unreserved(MOST_UPLOADS.openBytes),
    wholeBytes: whole > MAX_OBJECT_BYTES ? whole : null,
  };
}

/** @returns the HTTP status and the reason for refusing the upload; null if it is within its limits. */
export function overLimit(
  request: UploadRequest,
  announced: Announced,
  dailyBytes: number,
): { readonly status: 413 | 429; readonly reason: string } | null {
  const { dayBytes, wholeBytes } = limitsOf(request, dailyBytes);
  if (wholeBytes !== null && announced.wholeBytes + request.size > wholeBytes) {
    return { status: 413, reason: `all slices of one ${request.kind} together have at most ${wholeBytes} bytes` };
  }
  if (announced.dayBytes + request.size > dayBytes) {
    const rest = dayBytes === dailyBytes ? '' : '; the rest is reserved for pictures of incidents';
    return { status: 429, reason: `this robot has used its ${dayBytes} bytes of uploads for today${rest}` };
  }
  return null;
}
