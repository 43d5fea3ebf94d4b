// Reads the cloud's answer to an announced upload, and refuses one that could send the file, or a request, to a place that the cloud must
// not choose: docs/reference/protocol.md, Uploads.
import { isIP } from 'node:net';
import * as z from 'zod';
import { parseJson, visible } from '../base/index.ts';
import type { UploadRow } from '../outbox/index.ts';
import { plainRefusal, type Refusal, zoneOf } from './address.ts';
import { contentTypeOf } from './item.ts';

export type Announcement =
  | { readonly result: 'done'; readonly uploadId: string; readonly objectKey: string }
  | { readonly result: 'put'; readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly refusal: Refusal }
  | { readonly result: 'unusable'; readonly reason: string };

/** The ids become part of an event. S3 accepts keys of 1,024 bytes. */
const ids = { upload_id: z.string().max(128), object_key: z.string().max(1024) };
const answerShape = z.union([
  z.object({ ...ids, done: z.literal(true) }),
  z.object({ ...ids, url: z.string().max(8192), headers: z.record(z.string(), z.string()) }),
]);

/** @param api the API's origin. @param peer the address at which the API answered. */
export function readAnnouncement(row: UploadRow, text: string, api: string, peer: string | undefined): Announcement {
  const found = answerShape.safeParse(parseJson(text)).data;
  if (!found) return unusable('the cloud’s answer does not describe an upload');
  if ('done' in found) return { result: 'done', uploadId: found.upload_id, objectKey: found.object_key };
  const { url, headers: asked } = found;
  const headers = headersOf(row);
  const other = Object.entries(asked).find(([name, value]) => headers[name.toLowerCase()] !== value);
  if (other)
    return unusable(`the cloud asks for the header ${visible(`${other[0]}: ${other[1]}`, 100)}, which does not describe this file`);
  const refusal = refusalFor(url, peer);
  const fault = urlFault(url, api, refusal);
  return fault === undefined ? { result: 'put', url, headers, refusal } : unusable(`the cloud names a store that is refused: ${fault}`);
}

function unusable(reason: string): Announcement {
  return { result: 'unusable', reason };
}

/** The headers that the signature of the URL covers. All follow from the file. */
function headersOf({ file, size, sha256 }: UploadRow): Record<string, string> {
  return {
    'content-type': contentTypeOf(file),
    'content-length': String(size),
    'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
    'if-none-match': '*',
  };
}

/** A store may be on the internet, or in the zone in which the API itself answered. Without encryption it must be on this machine. */
function refusalFor(url: string, peer: string | undefined): Refusal {
  const home = peer === undefined ? undefined : zoneOf(peer);
  // The parser also accepts HTTP:, and blanks before it.
  if (URL.canParse(url) && new URL(url).protocol === 'http:') return plainRefusal;
  return (address) => {
    const zone = zoneOf(address);
    return zone === 'public' || zone === home ? undefined : `the ${zone} address ${address}, but the cloud’s API is not in that zone`;
  };
}

function urlFault(text: string, api: string, refusal: Refusal): string | undefined {
  if (!URL.canParse(text)) return 'its URL is invalid';
  const { protocol, username, password, hostname } = new URL(text);
  if (protocol !== 'https:' && !(protocol === 'http:' && api.startsWith('http:')))
    return `its URL begins with ${visible(protocol, 20)} instead of https:`;
  if (username !== '' || password !== '') return 'its URL contains a user name';
  const address = hostname.replace(/^\[|\]$/g, '');
  return isIP(address) === 0 ? undefined : refusal(address);
}
