// One upload, from asking for its URL until the cloud says that it has it: the cloud's word counts, not the store's. A URL that has
// expired is asked for anew, what the store has already is asked about.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as z from 'zod';
import { crashPoint, messageOf, parseJson } from '../base/index.ts';
import type { UploadRow } from '../outbox/index.ts';
import { type Answer, type Manner, postJson, putFile } from './http.ts';
import { contentTypeOf } from './item.ts';
import type { DeviceTokens } from './token.ts';

export interface TransferParts extends Omit<Manner, 'signal'> {
  /** The API's origin. */
  readonly api: string;
  readonly tokens: DeviceTokens;
}

export type Outcome =
  | { readonly is: 'stored'; readonly uploadId: string; readonly objectKey: string }
  | {
      readonly is: 'later';
      readonly why: string;
      /**
       * Whose fault it is: another upload would meet the same on the `way`, or this `file` alone did, or it may be `either`; `share`: what the
       * cloud takes of this robot is used up, for all that is not more urgent than this.
       */
      readonly fault: 'way' | 'file' | 'either' | 'share';
      /** What was asked for. */
      readonly afterMs: number | undefined;
    }
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

/** @param source the file's path, or what it has, which then need not be on disk yet. */
export async function transfer(row: UploadRow, source: string | Buffer, parts: TransferParts, signal: AbortSignal): Promise<Outcome> {
  const missing = typeof source === 'string' ? await whyNotWhole(row, source) : undefined;
  if (missing !== undefined) return { is: 'refused', why: missing };
  let last = 'the store said yes, and the cloud does not find it there';
  for (let round = 0; round < ROUNDS; round++) {
    const asked = await ask(row, parts, signal);
    if (NEVER.includes(asked.status)) return { is: 'refused', why: said('the cloud', asked) };
    if (asked.status !== 200 && asked.status !== 201)
      return { is: 'later', why: said('the cloud', asked), fault: asked.status === 429 ? 'share' : 'way', afterMs: asked.retryAfterMs };
    const found = announcement.safeParse(parseJson(asked.text)).data;
    if (!found) return { is: 'later', why: 'the cloud answered something that is no upload', fault: 'way', afterMs: undefined };
    if ('done' in found) return { is: 'stored', uploadId: found.upload_id, objectKey: found.object_key };
    crashPoint('upload_announced');
    const { url, headers } = found;
    const { bytesPerSecond, way, yields } = parts;
    const put = await putFile({ url, headers, source, size: row.size, bytesPerSecond, way, yields, signal });
    crashPoint('upload_put');
    if (isStored(put.status)) continue;
    last = said('the object store', put);
    // A URL may have expired while the link was slow; a signature that is wrong stays so, and is met again in the next rounds.
    if (put.status === 403) continue;
    // 408, 429, 5xx or nothing: the store or the way to it, or a file that something on the way does not let through.
    const fault = put.status === 0 || put.status === 408 || put.status === 429 || put.status >= 500 ? 'either' : 'file';
    return { is: 'later', why: last, fault, afterMs: put.retryAfterMs };
  }
  return { is: 'later', why: last, fault: 'file', afterMs: undefined };
}

/** @returns why the file can never be uploaded; undefined where it is what its row says. */
async function whyNotWhole({ size, sha256 }: UploadRow, path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
      bytes += part.length;
      hash.update(part);
    }
  } catch (error) {
    return `it can't be read: ${messageOf(error)}`;
  }
  if (bytes !== size) return `it has ${bytes} bytes on disk, and had ${size}`;
  return hash.digest('hex') === sha256 ? undefined : 'it has changed on disk';
}

/** 412: something has that key already, and whether it is this is for the cloud to say. */
function isStored(status: number): boolean {
  return status === 200 || status === 412;
}

/** Asks for a URL, or whether it is there already. */
async function ask(row: UploadRow, { api, tokens, ...manner }: TransferParts, signal: AbortSignal): Promise<Answer> {
  const { kind, size, sha256, takenAtMs: taken_at, incident } = row;
  const body = { kind, content_type: contentTypeOf(row.file), size, sha256, taken_at, incident };
  const send = async () => {
    const answer = await postJson(`${api}/uploads`, await tokens.sign(), body, { ...manner, signal });
    tokens.heard(answer.date);
    return answer;
  };
  const answer = await send();
  if (answer.status !== 401) return answer;
  tokens.refused();
  return send();
}

/** For a person: at most a line of what was answered, which of S3 is XML with a code in it. */
function said(who: string, { status, text }: Answer): string {
  if (status === 0) return `${who} was not reached: ${text}`;
  const detail = z.object({ detail: z.string() }).safeParse(parseJson(text)).data?.detail ?? /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '';
  return `${who} answered ${status}${detail ? `: ${detail.slice(0, 200)}` : ''}`;
}
