// One upload, from asking for its URL until the cloud says that it has it: the cloud's word counts, not the store's. A URL that has
// expired is asked for anew, what the store has already is asked about.
import * as z from 'zod';
import { crashPoint } from '../crashPoint.ts';
import type { UploadRow } from '../outbox/index.ts';
import { type Answer, postJson, putFile } from './http.ts';
import { contentTypeOf } from './item.ts';
import type { DeviceTokens } from './token.ts';

export interface TransferParts {
  /** The API's origin. */
  readonly api: string;
  readonly tokens: DeviceTokens;
  /** Bytes a second; null: no limit. */
  readonly bytesPerSecond: number | null;
}

export type Outcome =
  | { readonly is: 'stored'; readonly uploadId: string; readonly objectKey: string }
  /** To be tried again: `all` where another upload would meet the same. */
  | { readonly is: 'later'; readonly why: string; readonly all: boolean; readonly afterMs: number | undefined }
  /** The cloud will never take it. */
  | { readonly is: 'refused'; readonly why: string };

const announcement = z.union([
  z.object({ upload_id: z.string(), object_key: z.string(), done: z.literal(true) }),
  z.object({ upload_id: z.string(), object_key: z.string(), url: z.url(), headers: z.record(z.string(), z.string()) }),
]);

/** Asked, put, asked whether it is there; and once more for a URL that had expired. */
const ROUNDS = 3;

/** These say that the request itself is wrong, whenever it is made. */
const NEVER = [400, 409, 413, 422];

export async function transfer(row: UploadRow, path: string, parts: TransferParts, signal: AbortSignal): Promise<Outcome> {
  let last = 'the store said yes, and the cloud does not find it there';
  for (let round = 0; round < ROUNDS; round++) {
    const asked = await ask(row, parts, signal);
    if (NEVER.includes(asked.status)) return { is: 'refused', why: said('the cloud', asked) };
    if (asked.status !== 200 && asked.status !== 201)
      return { is: 'later', why: said('the cloud', asked), all: true, afterMs: asked.retryAfterMs };
    const found = announcement.safeParse(parsed(asked.text)).data;
    if (!found) return { is: 'later', why: 'the cloud answered something that is no upload', all: true, afterMs: undefined };
    if ('done' in found) return { is: 'stored', uploadId: found.upload_id, objectKey: found.object_key };
    crashPoint('upload_announced');
    const { url, headers } = found;
    const put = await putFile({ url, headers, path, size: row.size, bytesPerSecond: parts.bytesPerSecond, signal });
    crashPoint('upload_put');
    if (isStored(put.status)) continue;
    // A URL may have expired while the link was slow; a signature that is wrong stays so, and is met again in the next rounds.
    if (put.status !== 403) return { is: 'later', why: said('the object store', put), all: true, afterMs: put.retryAfterMs };
    last = said('the object store', put);
  }
  return { is: 'later', why: last, all: false, afterMs: undefined };
}

/** 412: something has that key already, and whether it is this is for the cloud to say. */
function isStored(status: number): boolean {
  return status === 200 || status === 412;
}

async function ask(row: UploadRow, { api, tokens }: TransferParts, signal: AbortSignal): Promise<Answer> {
  const { kind, size, sha256, takenAtMs: taken_at, incident } = row;
  const body = { kind, content_type: contentTypeOf(row.file), size, sha256, taken_at, incident };
  const send = async () => postJson(`${api}/uploads`, await tokens.sign(), body, signal);
  const answer = await send();
  if (answer.status !== 401) return answer;
  tokens.learn(answer.date);
  return send();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** For a person: at most a line of what was answered, which of S3 is XML with a code in it. */
function said(who: string, { status, text }: Answer): string {
  if (status === 0) return `${who} was not reached: ${text}`;
  const detail = z.object({ detail: z.string() }).safeParse(parsed(text)).data?.detail ?? /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '';
  return `${who} answered ${status}${detail ? `: ${detail.slice(0, 200)}` : ''}`;
}
