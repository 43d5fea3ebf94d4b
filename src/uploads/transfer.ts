// Transfers one file: requests a signed URL from the cloud, PUTs the file to the object store, and asks the cloud to confirm that it is
// there. Only the cloud's confirmation completes an upload, not the store's answer.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as z from 'zod';
import { crashPoint, messageOf, parseJson, visible } from '../base/index.ts';
import type { UploadRow } from '../outbox/index.ts';
import { readAnnouncement } from './announcement.ts';
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
      readonly reason: string;
      /**
       * `path`: other uploads would fail too. `file`: only this file fails. `either`: it could be one or the other. `share`: the robot's
       * daily share is used up for this file and all less urgent ones.
       */
      readonly fault: 'path' | 'file' | 'either' | 'share';
      /** The Retry-After header, in milliseconds. */
      readonly afterMs: number | undefined;
    }
  /** The file is damaged, or the cloud will never accept it. */
  | { readonly result: 'refused'; readonly reason: string };

/** How often to request a URL or confirmation: before the PUT, after it, and once more in case the URL has expired. */
const ROUNDS = 3;

/** Characters of an answer that an error text quotes. */
const MAX_QUOTED = 200;

/** Statuses that mean that retrying the request is pointless. */
const FINAL = [400, 409, 413, 422];

/** @param source the file's path, or its bytes if they may not be on disk yet. */
export async function transfer(row: UploadRow, source: string | Buffer, parts: TransferParts, signal: AbortSignal): Promise<Outcome> {
  const damage = typeof source === 'string' ? await damageOf(row, source) : undefined;
  if (damage !== undefined) return { result: 'refused', reason: damage };
  let reason = 'the store accepted the file, but the cloud does not find it there';
  for (let round = 0; round < ROUNDS; round++) {
    const answer = await announce(row, parts, signal);
    if (FINAL.includes(answer.status)) return { result: 'refused', reason: textOf('the cloud', answer) };
    if (answer.status !== 200 && answer.status !== 201) {
      const fault = answer.status === 429 ? 'share' : 'path';
      return { result: 'later', reason: textOf('the cloud', answer), fault, afterMs: answer.retryAfterMs };
    }
    const found = readAnnouncement(row, answer.text, parts.api, answer.peer);
    if (found.result === 'unusable') return { result: 'later', reason: found.reason, fault: 'path', afterMs: undefined };
    if (found.result === 'done') return { result: 'stored', uploadId: found.uploadId, objectKey: found.objectKey };
    crashPoint('upload_announced');
    const { url, headers, refusal } = found;
    const put = await putFile({ url, headers, refusal, source, size: row.size, pacing: parts.pacing, signal });
    crashPoint('upload_put');
    // 412 means that an object with this key already exists. The cloud decides whether it is this file.
    if (put.status === 200 || put.status === 412) continue;
    reason = textOf('the object store', put);
    // On a slow link, the URL may have expired, so request a new one. If the signature is wrong instead, all rounds fail.
    if (put.status === 403) continue;
    // The store or the path to it may be failing, or something on the path may be blocking this particular file.
    const fault = put.status === 0 || put.status === 408 || put.status === 429 || put.status >= 500 ? 'either' : 'file';
    return { result: 'later', reason, fault, afterMs: put.retryAfterMs };
  }
  return { result: 'later', reason, fault: 'file', afterMs: undefined };
}

/** Checks a file against the size and hash in its row. @returns the fault, with which it can never be uploaded; undefined if they match. */
async function damageOf({ size, sha256 }: UploadRow, path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
      bytes += part.length;
      hash.update(part);
    }
  } catch (error) {
    return `the file cannot be read: ${messageOf(error)}`;
  }
  if (bytes !== size) return `the file has ${bytes} bytes on disk instead of ${size}`;
  return hash.digest('hex') === sha256 ? undefined : 'the file changed on disk';
}

/** Requests a signed URL, or the confirmation if the object is already stored. */
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

/** Describes an answer in one line, and quotes what others wrote. The cloud's errors are JSON with a `detail`, S3's are XML with a `Code`. */
function textOf(server: string, { status, text }: Answer): string {
  if (status === 0) return `${server} cannot be reached: ${visible(text, MAX_QUOTED)}`;
  const detail = z.object({ detail: z.string() }).safeParse(parseJson(text)).data?.detail ?? /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '';
  return `${server} answered ${status}${detail ? `: “${visible(detail, MAX_QUOTED)}”` : ''}`;
}
