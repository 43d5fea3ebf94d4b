// Implements two checks for `doctor`: whether the cloud's API answers, and whether a small file reaches the object store.
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Credentials } from '../identity/index.ts';
import { getPage } from './http.ts';
import { fileName } from './item.ts';
import { UNLIMITED } from './pacing.ts';
import { DeviceTokens } from './token.ts';
import { type Outcome, transfer } from './transfer.ts';

export interface ApiAnswer {
  /** The HTTP status; 0 if there was no answer, and `text` is then the reason. */
  readonly status: number;
  readonly text: string;
  /** How far the cloud's clock is ahead of the robot's, in milliseconds, accurate to a second; undefined if the answer has no date. */
  readonly aheadMs: number | undefined;
}

/** Requests a page that needs no authentication, so any answer proves that the API is reachable. @param api the API's origin. */
export async function checkApi(api: string, signal: AbortSignal): Promise<ApiAnswer> {
  const startedMs = Date.now();
  const { status, text, date } = await getPage(`${api}/openapi.json`, signal);
  const cloudMs = Date.parse(date ?? '');
  // The Date header is rounded down to whole seconds, so add half a second. Compare it with the middle of the request.
  const aheadMs = Number.isFinite(cloudMs) ? cloudMs + 500 - (startedMs + Date.now()) / 2 : undefined;
  return { status, text: status === 0 ? text : '', aheadMs };
}

/** Uploads a small file of kind `log`. Its content differs every time, because the store does not accept the same bytes twice. */
export async function checkUpload(
  { thing, credentials, api }: { readonly thing: string; readonly credentials: Credentials; readonly api: string },
  signal: AbortSignal,
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-doctor-'));
  try {
    const takenAtMs = Date.now();
    const bytes = gzipSync(`elderly-bot doctor of ${thing}, ${new Date(takenAtMs).toISOString()}, ${randomUUID()}\n`);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const file = fileName({ kind: 'log', contentType: 'application/gzip', takenAtMs, incident: null }, sha256);
    const path = join(folder, file);
    writeFileSync(path, bytes);
    const tokens = new DeviceTokens({ thing, credentials, audience: api, clock: { wall: Date.now, mono: () => performance.now() } });
    const row = { kind: 'log', file, size: bytes.length, sha256, takenAtMs, incident: null, ranMs: 0 };
    return await transfer(row, path, { api, tokens, pacing: UNLIMITED }, signal);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
