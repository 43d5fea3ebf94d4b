// Makes the HTTP requests of the uploads with axios, without redirects or a proxy. Every status is an answer, not an error. Error texts never
// contain a URL, a header or a token. A request ends when the connection is dead, at its deadline, or when its signal fires.
import { open } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import type { AxiosRequestConfig, AxiosResponse, AxiosStatic } from 'axios';
import { codeOf, messageOf } from '../base/index.ts';
import { type PacedRequest, type Pacing, slowestMs, UNLIMITED } from './pacing.ts';

export interface Answer {
  /** The HTTP status, or 0 without an answer; `text` is then the reason. */
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
  /** The headers that the URL's signature covers. */
  readonly headers: Readonly<Record<string, string>>;
  /** A path, or the bytes. */
  readonly source: string | Buffer;
  /** Bytes. */
  readonly size: number;
}

/** A connection on which nothing arrives for this long is dead. */
const STALLED_AFTER_MS = 120_000;
/** The same limit for a request to the cloud, which answers quickly. */
const UNANSWERED_AFTER_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** A longer Retry-After is shortened to this. */
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
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return exchange(options, text.length, UNANSWERED_AFTER_MS, (axios, config) => axios.post(url, text, { ...config, headers }));
}

export async function getPage(url: string, signal: AbortSignal): Promise<Answer> {
  return exchange({ pacing: UNLIMITED, signal }, 0, STALLED_AFTER_MS, (axios, config) =>
    axios.get(url, { ...config, maxContentLength: MAX_PAGE_BYTES }),
  );
}

export async function putFile({ url, headers, source, size, ...options }: FileToPut): Promise<Answer> {
  return exchange(options, size, STALLED_AFTER_MS, async (axios, config, { body }) => {
    const bytes = typeof source === 'string' ? (await open(source)).createReadStream() : source;
    try {
      return await axios.put(url, body(bytes), { ...config, headers, maxBodyLength: size });
    } finally {
      if (!Buffer.isBuffer(bytes)) bytes.destroy();
    }
  });
}

/** The server closed a kept connection just before the request. The request is sent again on a new connection. */
const CLOSED = ['ECONNRESET', 'EPIPE'];

type Send = (axios: AxiosStatic, config: AxiosRequestConfig, paced: PacedRequest) => Promise<AxiosResponse<unknown>>;

/** @param size bytes of the body. @param patienceMs the time without progress after which the connection is dead. */
async function exchange(options: RequestOptions, size: number, patienceMs: number, send: Send): Promise<Answer> {
  const { default: axios } = await import('axios');
  const over = new AbortController();
  const abort = () => over.abort();
  const signal = AbortSignal.any([options.signal, over.signal, AbortSignal.timeout(STALLED_AFTER_MS + slowestMs(size))]);
  const paced = options.pacing.begin({ size, patienceMs, signal, abort });
  try {
    const { status, data, headers, request } = await send(axios, { ...PLAIN, ...paced.config, signal }, paced);
    // After an early answer, the rest of the body would only use the link.
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

/** @param value seconds, or a date of the server's clock. @param serverMs the server's clock; NaN if it is unknown. */
export function retryAfter(value: unknown, serverMs: number): number | undefined {
  const text = String(value ?? '').trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - serverMs;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
