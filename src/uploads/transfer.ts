// One upload, from the request for its URL until the cloud confirms it: the cloud's answer counts, not the store's. If the URL has expired,
// the robot requests another; if the store already has the object, the robot asks the cloud.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as z from 'zod';
import { crashPoint, messageOf, parseJson } from '../base/index.ts';
import type { UploadRow } from '../outbox/index.ts';
import { type Answer, postJson, putFile, type RequestOptions } from './http.ts';
import { contentTypeOf } from './item.ts';
import type { DeviceTokens } from './token.ts';

export interface TransferParts extends Omit<RequestOptions, 'signal'> {
  /** The API's origin. */
  readonly api: string;
  readonly tokens: DeviceTokens;
}

export type Outcome =
  | { readonly result: 'stored'; readonly uploadId: string; readonly objectKey: string }
  | {
      readonly result: 'later';
      readonly why: string;
      /**
       * The cause. `path`: another upload would fail too; `file`: only this one fails; `either`: unknown which. `share`: this robot's daily
       * share is used up for everything that is not more urgent than this file.
       */
      readonly fault: 'path' | 'file' | 'either' | 'share';
      /** Retry-After, in milliseconds. */
      readonly afterMs: number | undefined;
    }
  /** The cloud will never accept it. */
  | { readonly result: 'refused'; readonly why: string };

const announcement = z.union([
  z.object({ upload_id: z.string(), object_key: z.string(), done: z.literal(true) }),
  z.object({ upload_id: z.string(), object_key: z.string(), url: z.url(), headers: z.record(z.string(), z.string()) }),
]);

/** Request, PUT, confirmation; and once more after an expired URL. */
const ROUNDS = 3;

/** Statuses that mean that the request itself is wrong; a later try fails too. */
const NEVER = [400, 409, 413, 422];

/** @param source the file's path, or its bytes, which may not be on disk yet. */
export async function transfer(row: UploadRow, source: string | Buffer, parts: TransferParts, signal: AbortSignal): Promise<Outcome> {
  const missing = typeof source === 'string' ? await whyNotWhole(row, source) : undefined;
  if (missing !== undefined) return { result: 'refused', why: missing };
  let last = 'the store said yes, and the cloud does not find it there';
  for (let round = 0; round < ROUNDS; round++) {
    const asked = await announce(row, parts, signal);
    if (NEVER.includes(asked.status)) return { result: 'refused', why: textOf('the cloud', asked) };
    if (asked.status !== 200 && asked.status !== 201)
      return {
        result: 'later',
        why: textOf('the cloud', asked),
        fault: asked.status === 429 ? 'share' : 'path',
        afterMs: asked.retryAfterMs,
      };
    const found = announcement.safeParse(parseJson(asked.text)).data;
    if (!found) return { result: 'later', why: 'the cloud answered something that is no upload', fault: 'path', afterMs: undefined };
    if ('done' in found) return { result: 'stored', uploadId: found.upload_id, objectKey: found.object_key };
    crashPoint('upload_announced');
    const { url, headers } = found;
    const put = await putFile({ url, headers, source, size: row.size, pacing: parts.pacing, signal });
    crashPoint('upload_put');
    if (isStored(put.status)) continue;
    last = textOf('the object store', put);
    // The URL may have expired on a slow link. A wrong signature stays wrong, and fails in the next rounds too.
    if (put.status === 403) continue;
    // 408, 429, 5xx or no answer: the store or the path to it fails, or something on the path blocks this file.
    const fault = put.status === 0 || put.status === 408 || put.status === 429 || put.status >= 500 ? 'either' : 'file';
    return { result: 'later', why: last, fault, afterMs: put.retryAfterMs };
  }
  return { result: 'later', why: last, fault: 'file', afterMs: undefined };
}

/** @returns why the file can never be uploaded; undefined if it has the size and hash of its row. */
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

/** Requests a URL, or the confirmation that the object is stored. */
async function announce(row: UploadRow, { api, tokens, pacing }: TransferParts, signal: AbortSignal): Promise<Answer> {
  const { kind, size, sha256, takenAtMs: taken_at, incident } = row;
  const body = { kind, content_type: contentTypeOf(row.file), size, sha256, taken_at, incident };
  const send = async () => {
    const answer = await postJson(`${api}/uploads`, await tokens.sign(), body, { pacing, signal });
    tokens.setTime(answer.date);
    return answer;
  };
  const answer = await send();
  if (answer.status !== 401) return answer;
  tokens.sendChain();
  return send();
}

/** For a person: at most a line of the answer. S3 answers XML with a code. */
function textOf(who: string, { status, text }: Answer): string {
  if (status === 0) return `${who} was not reached: ${text}`;
  const detail = z.object({ detail: z.string() }).safeParse(parseJson(text)).data?.detail ?? /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '';
  return `${who} answered ${status}${detail ? `: ${detail.slice(0, 200)}` : ''}`;
}
