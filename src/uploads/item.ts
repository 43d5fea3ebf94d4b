// What is uploaded, and how its spool file is called: the name says all that its row says, so that a file whose row was lost is
// taken up again. Pure.
import type { UploadRow } from '../outbox/index.ts';

/** Kinds and their content types, as the cloud takes them (contract, POST /uploads). */
export const CONTENT_TYPES = {
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  /** Encrypted end to end: what is within, only its recipients know. */
  'application/age': 'age',
  'application/json': 'json',
  'application/gzip': 'gz',
  'application/octet-stream': 'bin',
} as const satisfies Record<string, string>;

export type ContentType = keyof typeof CONTENT_TYPES;

export const UPLOAD_KINDS = ['snapshot', 'clip', 'log', 'backup'] as const;
export type UploadKind = (typeof UPLOAD_KINDS)[number];

export interface NewUpload {
  readonly kind: UploadKind;
  readonly contentType: ContentType;
  /** At most the cloud's 20 MiB; longer logs and backups come in slices. */
  readonly bytes: Buffer;
  /** Wall time in milliseconds. */
  readonly takenAtMs: number;
  /** What it belongs to; null: nothing that happened. */
  readonly incident: string | null;
}

/** No incident is called so: ids are base64url of 16 characters or more. */
const NONE = '-';

const NAME = /^(snapshot|clip|log|backup)\.(\d{1,16})\.([A-Za-z0-9_-]{1,64})\.([0-9a-f]{64})\.(jpg|webp|age|json|gz|bin)$/;

export function fileName({ kind, contentType, takenAtMs, incident }: Omit<NewUpload, 'bytes'>, sha256: string): string {
  return `${kind}.${takenAtMs}.${incident ?? NONE}.${sha256}.${CONTENT_TYPES[contentType]}`;
}

/** @returns undefined for a name that is none of ours. */
export function rowOf(file: string, size: number, ranMs: number): UploadRow | undefined {
  const [, kind, takenAt, incident, sha256] = NAME.exec(file) ?? [];
  if (!kind || !incident || !sha256) return undefined;
  return { file, kind, size, sha256, takenAtMs: Number(takenAt), incident: incident === NONE ? null : incident, ranMs };
}

export function contentTypeOf(file: string): ContentType {
  const ending = file.slice(file.lastIndexOf('.') + 1);
  const found = Object.entries(CONTENT_TYPES).find(([, known]) => known === ending)?.[0];
  return (found ?? 'application/octet-stream') as ContentType;
}
