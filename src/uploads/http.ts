// All HTTP requests of the uploads, by axios. No redirects, no proxy; every status is an answer. The text of an error never contains a URL,
// a header or a token. A request ends when nothing arrives any more, at its deadline, or when its signal fires.

import { open } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import type { AxiosRequestConfig, AxiosResponse } from 'axios';
import { codeOf, messageOf } from '../base/index.ts';
import { FixedPacing } from './fixed.ts';
import { type PacedRequest, type Pacing, slowestMs } from './pacing.ts';

export interface Answer {
  /** 0: no answer, and `text` is the reason. */
  readonly status: number;
  readonly text: string;
  readonly date: string | undefined;
  /** Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

export interface RequestOptions {
  readonly pacing: Pacing;
  readonly signal: AbortSignal;
}

export interface FileToPut extends RequestOptions {
  readonly url: string;
  /** Signed, so they are sent unchanged. */
  readonly headers: Readonly<Record<string, string>>;
  /** A path, or the bytes themselves. */
  readonly source: string | Buffer;
  /** Bytes. */
  readonly size: number;
}

/** The connection is dead if nothing has arrived for this long. */
const STALLED_AFTER_MS = 120_000;
/** The same for a question to the cloud, which answers from memory. */
const UNANSWERED_AFTER_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** The longest Retry-After that is followed. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

const PLAIN = {
  maxRedirects: 0,
  proxy: false,
  responseType: 'text',
  maxContentLength: MAX_ANSWER_BYTES,
  validateStatus: () => true,
  transformResponse: (text: unknown) => text,
} as const;

/** Loads axios before the first request needs it. */
export async function loadHttp(): Promise<void> {
  await import('axios');
}

export async function postJson(url: string, token: string, body: unknown, options: RequestOptions): Promise<Answer> {
  const { default: axios } = await import('axios');
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return exchange(options, text.length, UNANSWERED_AFTER_MS, (config) => axios.post(url, text, { ...config, headers }));
}

export async function getPage(url: string, signal: AbortSignal): Promise<Answer> {
  const { default: axios } = await import('axios');
  const pacing = new FixedPacing({ bytesPerSecond: null, yields: () => false });
  return exchange({ pacing, signal }, 0, STALLED_AFTER_MS, (config) => axios.get(url, { ...config, maxContentLength: MAX_PAGE_BYTES }));
}

export async function putFile({ url, headers, source, size, ...options }: FileToPut): Promise<Answer> {
  const { default: axios } = await import('axios');
  return exchange(options, size, STALLED_AFTER_MS, async (config, { body }) => {
    const bytes = typeof source === 'string' ? (await open(source)).createReadStream() : source;
    try {
      return await axios.put(url, body(bytes), { ...config, headers, maxBodyLength: size });
    } finally {
      if (!Buffer.isBuffer(bytes)) bytes.destroy();
    }
  });
}

/** Codes of a kept connection that the other side closed just then: no failure, the request is sent once more on a new connection. */
const CLOSED = ['ECONNRESET', 'EPIPE'];

type Send = (config: AxiosRequestConfig, paced: PacedRequest) => Promise<AxiosResponse<unknown>>;

/** One request and its answer. @param size bytes of the body. @param patienceMs the longest time in which nothing arrives. */
async function exchange(options: RequestOptions, size: number, patienceMs: number, send: Send): Promise<Answer> {
  const over = new AbortController();
  const abort = () => over.abort();
  const signal = AbortSignal.any([options.signal, over.signal, AbortSignal.timeout(STALLED_AFTER_MS + slowestMs(size))]);
  const paced = options.pacing.begin({ size, patienceMs, signal, abort });
  try {
    const { status, data, headers, request } = await send({ ...PLAIN, ...paced.config, signal }, paced);
    // The answer came before the whole body was sent: the rest would take the link from other uploads.
    const sent = request as ClientRequest;
    if (!sent.writableFinished) sent.destroy();
    const date: unknown = headers.date;
    return {
      status,
      text: typeof data === 'string' ? data : '',
      date: typeof date === 'string' ? date : undefined,
      retryAfterMs: retryAfter(headers['retry-after'], Date.parse(String(date))),
    };
  } catch (error) {
    const { request } = error as { readonly request?: ClientRequest };
    if (request?.reusedSocket && CLOSED.includes(codeOf(error) ?? '')) return exchange(options, size, patienceMs, send);
    return { status: 0, text: messageOf(error), date: undefined, retryAfterMs: undefined };
  } finally {
    paced.end();
    abort();
  }
}

/** Pure. @param value seconds, or a date by the clock of its sender. @param saidMs that clock; NaN if it is unknown. */
export function retryAfter(value: unknown, saidMs: number): number | undefined {
  const text = String(value ?? '').trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - saidMs;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
