// Two checks of the doctor: the cloud's API answers, and a small file reaches the object store.
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Credentials } from '../identity/index.ts';
import { FixedPacing } from './fixed.ts';
import { getPage } from './http.ts';
import { fileName } from './item.ts';
import { DeviceTokens } from './token.ts';
import { type Outcome, transfer } from './transfer.ts';

export interface ApiAnswer {
  /** 0: no answer, and `text` is the reason. */
  readonly status: number;
  readonly text: string;
  /** Milliseconds by which the cloud's clock is ahead of this robot's, accurate to a second; undefined if the answer has no date. */
  readonly aheadMs: number | undefined;
}

/** Any answer counts: the page needs no rights. @param api the API's origin */
export async function checkApi(api: string, signal: AbortSignal): Promise<ApiAnswer> {
  const startedMs = Date.now();
  const { status, text, date } = await getPage(`${api}/openapi.json`, signal);
  const told = Date.parse(date ?? '');
  // The header has whole seconds, rounded down. The cloud wrote it at some time between the request and now.
  const aheadMs = Number.isFinite(told) ? told + 500 - (startedMs + Date.now()) / 2 : undefined;
  return { status, text: status === 0 ? text : '', aheadMs };
}

export interface UploadCheck {
  readonly thing: string;
  readonly credentials: Credentials;
  readonly api: string;
}

/** Uploads a few bytes of the kind `log`; different ones each time, because the store takes the same bytes only once. */
export async function checkUpload({ thing, credentials, api }: UploadCheck, signal: AbortSignal): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-doctor-'));
  try {
    const takenAtMs = Date.now();
    const bytes = gzipSync(`elderly-bot doctor of ${thing}, ${new Date(takenAtMs).toISOString()}, ${randomUUID()}\n`);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const file = fileName({ kind: 'log', contentType: 'application/gzip', takenAtMs, incident: null }, sha256);
    const path = join(folder, file);
    writeFileSync(path, bytes);
    const tokens = new DeviceTokens({ thing, credentials, audience: api, clock: { wall: Date.now, mono: () => performance.now() } });
    const pacing = new FixedPacing({ bytesPerSecond: null, yields: () => false });
    const row = { kind: 'log', file, size: bytes.length, sha256, takenAtMs, incident: null, ranMs: 0 };
    return await transfer(row, path, { api, tokens, pacing }, signal);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
