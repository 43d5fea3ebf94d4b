// The one file that knows axios. No redirects, no proxy, every status is an answer; an error's text never has a URL, a header or a
// token in it. A transfer ends when it stalls, when it takes too long, or when it is told to.
import { open } from 'node:fs/promises';
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { AxiosRequestConfig, AxiosResponse } from 'axios';
import { codeOf, messageOf } from '../base/index.ts';
import { Connection } from './connection.ts';
import { Pace, type Way } from './pace.ts';
import { unsentOf } from './unsent.ts';

export interface Answer {
  /** 0: there was none, and `text` says why. */
  readonly status: number;
  readonly text: string;
  readonly date: string | undefined;
  /** What Retry-After asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** How a request leaves. */
export interface Manner {
  /** The same for all that goes one way. */
  readonly way: Way;
  /** While it says so, nothing more is given to the link: something more urgent is on its way. */
  readonly yields: () => boolean;
  /** Bytes a second; null: no limit. */
  readonly bytesPerSecond: number | null;
  readonly signal: AbortSignal;
}

export interface FileToPut extends Manner {
  readonly url: string;
  /** Sent exactly so: they are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** A path, or the bytes themselves. */
  readonly source: string | Buffer;
  /** Bytes. */
  readonly size: number;
}

/** Nothing has arrived for so long: the connection is dead. */
const STALLED_AFTER_MS = 120_000;
/** The same for a question, which is answered from memory. */
const UNANSWERED_AFTER_MS = 30_000;
/** What may stand in front of the store when all was given, and has to get through before it answers. */
const BUFFERED_BYTES = 256 * 1024;
const LOOK_FOR_STALL_MS = 500;
/** A link slower than this is none. */
const SLOWEST_BYTES_PER_SECOND = 512;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
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

/** Gets ready what takes long the first time. */
export async function loadHttp(): Promise<void> {
  await import('axios');
}

export async function postJson(url: string, token: string, body: unknown, manner: Manner): Promise<Answer> {
  const { default: axios } = await import('axios');
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return exchanged(manner, text.length, UNANSWERED_AFTER_MS, (config) => axios.post(url, text, { ...config, headers }));
}

export async function getPage(url: string, signal: AbortSignal): Promise<Answer> {
  const { default: axios } = await import('axios');
  const manner = { way: {}, yields: () => false, bytesPerSecond: null, signal };
  return exchanged(manner, 0, STALLED_AFTER_MS, (config) => axios.get(url, { ...config, maxContentLength: MAX_PAGE_BYTES }));
}

export async function putFile({ url, headers, source, size, ...manner }: FileToPut): Promise<Answer> {
  const { default: axios } = await import('axios');
  return exchanged(manner, size, STALLED_AFTER_MS, async (config) => {
    const body = typeof source === 'string' ? (await open(source)).createReadStream() : source;
    try {
      return await axios.put(url, body, { ...config, headers, maxBodyLength: size });
    } finally {
      if (!Buffer.isBuffer(body)) body.destroy();
    }
  });
}

/** A kept connection may have been closed by the other side just then: that is no failure, and it is asked once more on another. */
const CLOSED = ['ECONNRESET', 'EPIPE'];

type Ask = (config: AxiosRequestConfig) => Promise<AxiosResponse<unknown>>;

/** One request and its answer. @param size bytes of its body. @param patienceMs for so long nothing may arrive. */
async function exchanged(manner: Manner, size: number, patienceMs: number, ask: Ask): Promise<Answer> {
  const pace = new Pace(manner.bytesPerSecond, performance.now(), manner.way);
  const over = new AbortController();
  const deadline = AbortSignal.timeout(STALLED_AFTER_MS + slowestMs(size));
  const signal = AbortSignal.any([manner.signal, over.signal, deadline]);
  const connection = new Connection({ pace, yields: manner.yields, signal });
  const look = async () => {
    if (await isDead(connection, pace, patienceMs + (pace.isAll ? slowestMs(Math.min(size, BUFFERED_BYTES)) : 0))) over.abort();
  };
  const looking = setInterval(() => void look(), LOOK_FOR_STALL_MS);
  try {
    const { status, data, headers } = await ask({ ...PLAIN, transport: transportOf(connection), signal });
    const date: unknown = headers.date;
    return {
      status,
      text: typeof data === 'string' ? data : '',
      date: typeof date === 'string' ? date : undefined,
      retryAfterMs: retryAfter(headers['retry-after'], Date.parse(String(date))),
    };
  } catch (error) {
    if (connection.wasKept && CLOSED.includes(codeOf(error) ?? '')) return exchanged(manner, size, patienceMs, ask);
    return { status: 0, text: messageOf(error), date: undefined, retryAfterMs: undefined };
  } finally {
    clearInterval(looking);
    connection.end();
    over.abort();
  }
}

/** Whether nothing of what was given has arrived for so long, or nothing could be given. */
async function isDead({ socket }: Connection, pace: Pace, patienceMs: number): Promise<boolean> {
  if (!socket) return pace.stalledMs(performance.now()) > patienceMs;
  const { given } = pace;
  const onItsWay = await unsentOf(socket);
  // Where nobody knows, the deadline ends it. What was given meanwhile is not in that number.
  if (onItsWay === undefined || pace.given !== given) return false;
  pace.see(performance.now(), onItsWay);
  return pace.stalledMs(performance.now()) > patienceMs;
}

function slowestMs(bytes: number): number {
  return Math.ceil(bytes / SLOWEST_BYTES_PER_SECOND) * 1_000;
}

function transportOf(connection: Connection) {
  return {
    request: (options: RequestOptions, answered: (answer: IncomingMessage) => void) => connection.request(options, answered),
  };
}

/** Pure. @param value seconds, or a date, which is taken by the clock of who said it. @param saidMs that clock, NaN where it is unknown. */
export function retryAfter(value: unknown, saidMs: number): number | undefined {
  const text = String(value ?? '').trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - saidMs;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
