// The one file that knows axios. No redirects, no proxy, every status is an answer; an error's text never has a URL, a header or a
// token in it. A transfer ends when it stalls, when it takes too long, or when it is told to.
import { open } from 'node:fs/promises';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { AxiosResponse } from 'axios';
import { wait } from '../clock/index.ts';
import { messageOf } from '../errors.ts';
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

export interface FileToPut {
  readonly url: string;
  /** Sent exactly so: they are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes a second; null: no limit. */
  readonly bytesPerSecond: number | null;
  readonly way: Way;
  /** While it says so, nothing more is given to the link: something more urgent is on its way. */
  readonly yields: () => boolean;
  readonly signal: AbortSignal;
}

const ASK_WITHIN_MS = 30_000;
/** Nothing has arrived for so long: the connection is dead. */
const STALLED_AFTER_MS = 120_000;
/** What may stand in front of the store when all was given, and has to get through before it answers. */
const BUFFERED_BYTES = 256 * 1024;
const LOOK_FOR_STALL_MS = 1_000;
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

export async function getPage(url: string, signal: AbortSignal): Promise<Answer> {
  const { default: axios } = await import('axios');
  return answering(() => axios.get(url, { ...PLAIN, maxContentLength: MAX_PAGE_BYTES, signal }));
}

export async function putFile({ url, headers, path, size, bytesPerSecond, way, yields, signal }: FileToPut): Promise<Answer> {
  const { default: axios } = await import('axios');
  const pace = new Pace(bytesPerSecond, performance.now(), way);
  let socket: Socket | undefined;
  const connection = () => (socket?.connecting === false ? socket : undefined);
  const stalled = new AbortController();
  const looking = setInterval(() => {
    const onItsWay = socket && unsentOf(socket);
    if (onItsWay !== undefined) pace.see(performance.now(), onItsWay);
    const isKnown = onItsWay !== undefined || !connection();
    const patienceMs = pace.isAll ? STALLED_AFTER_MS + slowestMs(Math.min(size, BUFFERED_BYTES)) : STALLED_AFTER_MS;
    if (isKnown && pace.stalledMs(performance.now()) > patienceMs) stalled.abort();
  }, LOOK_FOR_STALL_MS);
  const deadline = AbortSignal.timeout(STALLED_AFTER_MS + slowestMs(size));
  const ending = AbortSignal.any([signal, stalled.signal, deadline]);
  const body = Readable.from(paced({ path, pace, connection, yields, signal: ending }), { objectMode: false, highWaterMark: 1 });
  try {
    return await answering(() =>
      axios.put(url, body, {
        ...PLAIN,
        headers,
        maxBodyLength: size,
        signal: ending,
        transport: {
          request: (options: RequestOptions, answered: (answer: IncomingMessage) => void) => {
            const asked = (url.startsWith('https:') ? https : http).request(options, answered);
            asked.once('socket', (its) => {
              socket = its.setNoDelay(true);
            });
            return asked;
          },
        },
      }),
    );
  } finally {
    clearInterval(looking);
    body.destroy();
  }
}

function slowestMs(bytes: number): number {
  return Math.ceil(bytes / SLOWEST_BYTES_PER_SECOND) * 1_000;
}

interface Paced {
  readonly path: string;
  readonly pace: Pace;
  /** Once it is up. */
  readonly connection: () => Socket | undefined;
  readonly yields: () => boolean;
  readonly signal: AbortSignal;
}

/** The file, part by part, each when the pace allows. */
async function* paced({ path, pace, connection, yields, signal }: Paced): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    while (!signal.aborted) {
      const socket = connection();
      const bytes = socket && !yields() ? pace.allows(performance.now(), unsentOf(socket)) : 0;
      if (bytes === 0) {
        await wait(pace.lookAgainMs, signal);
        continue;
      }
      const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes);
      if (bytesRead === 0) break;
      pace.gave(bytesRead, performance.now());
      yield buffer.subarray(0, bytesRead);
    }
    pace.gaveAll();
  } finally {
    await file.close();
  }
}

async function answering(ask: () => Promise<AxiosResponse<unknown>>): Promise<Answer> {
  try {
    const { status, data, headers } = await ask();
    const date: unknown = headers.date;
    return {
      status,
      text: typeof data === 'string' ? data : '',
      date: typeof date === 'string' ? date : undefined,
      retryAfterMs: retryAfter(headers['retry-after'], Date.parse(String(date))),
    };
  } catch (error) {
    return { status: 0, text: messageOf(error), date: undefined, retryAfterMs: undefined };
  }
}

/** Pure. @param value seconds, or a date, which is taken by the clock of who said it. @param saidMs that clock, NaN where it is unknown. */
export function retryAfter(value: unknown, saidMs: number): number | undefined {
  const text = String(value ?? '').trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - saidMs;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
