// The one file that knows axios. No redirects, no proxy, every status is an answer; an error's text never has a URL, a header or a
// token in it. A transfer ends when it stalls, when it takes too long, or when it is told to.
import { createReadStream } from 'node:fs';
import type { AxiosResponse } from 'axios';
import { messageOf } from '../errors.ts';

export interface Answer {
  /** 0: there was none, and `text` says why. */
  readonly status: number;
  readonly text: string;
  readonly date: string | undefined;
  /** What Retry-After asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

export interface FileToPut {
  readonly url: string;
  /** Sent exactly so: they are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes a second; null: no limit. */
  readonly bytesPerSecond: number | null;
  readonly signal: AbortSignal;
}

const ASK_WITHIN_MS = 30_000;
/** Nothing has moved for so long: the connection is dead. */
const STALLED_AFTER_MS = 60_000;
/** A link slower than this is none: a transfer may take a minute and its size at this rate. */
const SLOWEST_BYTES_PER_SECOND = 512;
const MAX_ANSWER_BYTES = 64 * 1024;
/** A Retry-After of more is not believed. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

const PLAIN = {
  maxRedirects: 0,
  proxy: false,
  responseType: 'text',
  maxContentLength: MAX_ANSWER_BYTES,
  validateStatus: () => true,
  transformResponse: (text: unknown) => text,
} as const;

export async function postJson(url: string, token: string, body: unknown, signal: AbortSignal): Promise<Answer> {
  const { default: axios } = await import('axios');
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ASK_WITHIN_MS)]);
  return answering(() =>
    axios.post(url, JSON.stringify(body), {
      ...PLAIN,
      signal: deadline,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    }),
  );
}

export async function putFile({ url, headers, path, size, bytesPerSecond, signal }: FileToPut): Promise<Answer> {
  const { default: axios } = await import('axios');
  const stalled = new AbortController();
  const stall = setTimeout(() => stalled.abort(), STALLED_AFTER_MS);
  const deadline = AbortSignal.timeout(STALLED_AFTER_MS + Math.ceil(size / SLOWEST_BYTES_PER_SECOND) * 1_000);
  const stream = createReadStream(path);
  try {
    return await answering(() =>
      axios.put(url, stream, {
        ...PLAIN,
        headers,
        maxBodyLength: size,
        signal: AbortSignal.any([signal, stalled.signal, deadline]),
        onUploadProgress: () => stall.refresh(),
        ...(bytesPerSecond === null ? {} : { maxRate: bytesPerSecond }),
      }),
    );
  } finally {
    clearTimeout(stall);
    stream.destroy();
  }
}

async function answering(ask: () => Promise<AxiosResponse<unknown>>): Promise<Answer> {
  try {
    const { status, data, headers } = await ask();
    const date: unknown = headers.date;
    const seconds = Number(headers['retry-after'] ?? Number.NaN);
    return {
      status,
      text: typeof data === 'string' ? data : '',
      date: typeof date === 'string' ? date : undefined,
      retryAfterMs: Number.isFinite(seconds) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, seconds * 1_000)) : undefined,
    };
  } catch (error) {
    return { status: 0, text: messageOf(error), date: undefined, retryAfterMs: undefined };
  }
}
