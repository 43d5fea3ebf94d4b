// Makes the HTTP requests for uploads with axios, without redirects or a proxy. Any HTTP status is returned as an answer rather than
// thrown. Error texts must not contain a URL, a header or a token, because they are logged. A request ends if its connection is dead, at
// its deadline, or when its signal is aborted.
import { open } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import type { AxiosRequestConfig, AxiosResponse, AxiosStatic } from 'axios';
import { codeOf, messageOf } from '../base/index.ts';
import { lookupWith, plainRefusal, type Refusal } from './address.ts';
import { type PacedRequest, type Pacing, slowestMs, UNLIMITED } from './pacing.ts';

export interface Answer {
  /** The HTTP status; 0 if there was no answer, and `text` is then the reason. */
  readonly status: number;
  readonly text: string;
  readonly date: string | undefined;
  /** The address that answered; undefined if there was no answer. */
  readonly peer: string | undefined;
  /** The Retry-After header, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

export interface RequestOptions {
  readonly pacing: Pacing;
  readonly signal: AbortSignal;
}

export interface FileToPut extends RequestOptions {
  readonly url: string;
  /** The headers covered by the URL's signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** Tells to which addresses the URL must not lead. */
  readonly refusal: Refusal;
  /** The path of the file, or its bytes. */
  readonly source: string | Buffer;
  /** In bytes. */
  readonly size: number;
}

/** A connection that makes no progress for this long is treated as dead. */
const STALLED_AFTER_MS = 120_000;
/** The same limit for requests to the cloud, which answers quickly. */
const UNANSWERED_AFTER_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** Longer Retry-After values are capped at this. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

const PLAIN = {
  maxRedirects: 0,
  proxy: false,
  responseType: 'text',
  maxContentLength: MAX_ANSWER_BYTES,
  validateStatus: () => true,
  transformResponse: (text: unknown) => text,
} as const;

/** Loads axios in advance, so that the first request does not have to wait for it. */
export async function loadHttp(): Promise<void> {
  await import('axios');
}

export async function postJson(url: string, token: string, body: unknown, options: RequestOptions): Promise<Answer> {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return exchange(options, text.length, UNANSWERED_AFTER_MS, (axios, config) =>
    axios.post(url, text, { ...config, ...pathTo(url), headers }),
  );
}

export async function getPage(url: string, signal: AbortSignal): Promise<Answer> {
  return exchange({ pacing: UNLIMITED, signal }, 0, STALLED_AFTER_MS, (axios, config) =>
    axios.get(url, { ...config, ...pathTo(url), maxContentLength: MAX_PAGE_BYTES }),
  );
}

export async function putFile({ url, headers, refusal, source, size, ...options }: FileToPut): Promise<Answer> {
  return exchange(options, size, STALLED_AFTER_MS, async (axios, config, { body }) => {
    const bytes = typeof source === 'string' ? (await open(source)).createReadStream() : source;
    try {
      return await axios.put(url, body(bytes), { ...config, headers, lookup: lookupWith(refusal), maxBodyLength: size });
    } finally {
      if (!Buffer.isBuffer(bytes)) bytes.destroy();
    }
  });
}

/** The API's own origin may be anywhere, but without encryption only on this machine. */
function pathTo(url: string): Pick<AxiosRequestConfig, 'lookup'> {
  return url.startsWith('http:') ? { lookup: lookupWith(plainRefusal) } : {};
}

/** Errors on a reused connection that mean the server had just closed it. The request is then retried. */
const CLOSED = ['ECONNRESET', 'EPIPE'];

type Send = (axios: AxiosStatic, config: AxiosRequestConfig, paced: PacedRequest) => Promise<AxiosResponse<unknown>>;

/** @param size of the body, in bytes. @param patienceMs how long the connection may make no progress before it is treated as dead. */
async function exchange(options: RequestOptions, size: number, patienceMs: number, send: Send): Promise<Answer> {
  const { default: axios } = await import('axios');
  const over = new AbortController();
  const abort = () => over.abort();
  const signal = AbortSignal.any([options.signal, over.signal, AbortSignal.timeout(STALLED_AFTER_MS + slowestMs(size))]);
  const paced = options.pacing.begin({ size, patienceMs, signal, abort });
  try {
    const { status, data, headers, request } = await send(axios, { ...PLAIN, ...paced.config, signal }, paced);
    // If the server answers before it has the whole body, do not send the rest.
    const sent = request as ClientRequest;
    if (!sent.writableFinished) sent.destroy();
    const date: unknown = headers.date;
    return {
      status,
      text: typeof data === 'string' ? data : '',
      date: typeof date === 'string' ? date : undefined,
      peer: sent.socket?.remoteAddress,
      retryAfterMs: retryAfter(headers['retry-after'], Date.parse(String(date))),
    };
  } catch (error) {
    const { request } = error as { readonly request?: ClientRequest };
    if (request?.reusedSocket && CLOSED.includes(codeOf(error) ?? '')) return exchange(options, size, patienceMs, send);
    return { status: 0, text: messageOf(error), date: undefined, peer: undefined, retryAfterMs: undefined };
  } finally {
    paced.end();
    abort();
  }
}

/** Parses Retry-After. @param value seconds, or a date by the server's clock. @param serverMs the server's time; NaN if unknown. */
export function retryAfter(value: unknown, serverMs: number): number | undefined {
  const text = String(value ?? '').trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - serverMs;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
