// Defines an upload and the name of its spool file. The name encodes all fields of the upload's row, so that a missing row can be
// recreated.
import type { UploadRow } from '../outbox/index.ts';

/** The content types that the cloud accepts, with their file extensions (docs/reference/protocol.md, Uploads). */
export const CONTENT_TYPES = {
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  /** Encrypted end to end with age, so that only the recipients can read it. */
  'application/age': 'age',
  'application/json': 'json',
  'application/gzip': 'gz',
  'application/octet-stream': 'bin',
} as const satisfies Record<string, string>;

export type ContentType = keyof typeof CONTENT_TYPES;

/** Most urgent first. */
export const UPLOAD_KINDS = ['snapshot', 'clip', 'log', 'backup'] as const;
export type UploadKind = (typeof UPLOAD_KINDS)[number];

export interface NewUpload {
  readonly kind: UploadKind;
  readonly contentType: ContentType;
  /** At most 20 MiB, the cloud's limit. Larger logs and backups are cut into slices. */
  readonly bytes: Buffer;
  /** In milliseconds since the Unix epoch. */
  readonly takenAtMs: number;
  /** Null if the file does not belong to an incident. */
  readonly incident: string | null;
}

/** Stands for "no incident" in a file name. Cannot be an incident's id, which has at least 16 characters. */
const NONE = '-';

const NAME = /^(snapshot|clip|log|backup)\.(\d{1,16})\.([A-Za-z0-9_-]{1,64})\.([0-9a-f]{64})\.(jpg|webp|age|json|gz|bin)$/;

export function fileName({ kind, contentType, takenAtMs, incident }: Omit<NewUpload, 'bytes'>, sha256: string): string {
  return `${kind}.${takenAtMs}.${incident ?? NONE}.${sha256}.${CONTENT_TYPES[contentType]}`;
}

/** Recreates a row from a file name. @returns undefined if `file` is not the name of a spool file. */
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
