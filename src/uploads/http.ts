// The one file that knows axios. No redirects, no proxy, every status is an answer; an error's text never has a URL, a header or a
// token in it. A transfer ends when it stalls, when it takes too long, or when it is told to.
import { open } from 'node:fs/promises';
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { AxiosResponse, AxiosStatic } from 'axios';
import { wait } from '../clock/index.ts';
import { codeOf, messageOf } from '../errors.ts';
import { Connection } from './connection.ts';
import { isNarrow, Pace, type Way } from './pace.ts';
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
  /** A path, or the bytes themselves. */
  readonly source: string | Buffer;
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

/** Gets ready what takes long the first time. */
export async function loadHttp(): Promise<void> {
  await import('axios');
}

export async function postJson(url: string, token: string, body: unknown, signal: AbortSignal): Promise<Answer> {
  const { default: axios } = await import('axios');
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ASK_WITHIN_MS)]);
  return answering((connection) =>
    axios.post(url, JSON.stringify(body), {
      ...PLAIN,
      transport: transportOf(connection),
      signal: deadline,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    }),
  );
}

export async function getPage(url: string, signal: AbortSignal): Promise<Answer> {
  const { default: axios } = await import('axios');
  return answering((connection) =>
    axios.get(url, { ...PLAIN, transport: transportOf(connection), maxContentLength: MAX_PAGE_BYTES, signal }),
  );
}

export async function putFile(file: FileToPut): Promise<Answer> {
  const { default: axios } = await import('axios');
  return answering((connection) => put(axios, connection, file));
}

async function put(axios: AxiosStatic, connection: Connection, file: FileToPut): Promise<AxiosResponse<unknown>> {
  const { url, headers, source, size, bytesPerSecond, way, yields, signal } = file;
  const pace = new Pace(bytesPerSecond, performance.now(), way);
  /** It stalled, or is over: what still waits for its connection lets go of the file. */
  const over = new AbortController();
  const look = async () => {
    const { socket } = connection;
    const { given } = pace;
    const onItsWay = socket && (await unsentOf(socket));
    // What was given meanwhile is not in that number.
    if (pace.given !== given) return;
    if (onItsWay !== undefined) pace.see(performance.now(), onItsWay);
    const isKnown = onItsWay !== undefined || socket?.connecting !== false;
    const patienceMs = pace.isAll ? STALLED_AFTER_MS + slowestMs(Math.min(size, BUFFERED_BYTES)) : STALLED_AFTER_MS;
    if (isKnown && pace.stalledMs(performance.now()) > patienceMs) over.abort();
  };
  const looking = setInterval(() => void look(), LOOK_FOR_STALL_MS);
  const deadline = AbortSignal.timeout(STALLED_AFTER_MS + slowestMs(size));
  const ending = AbortSignal.any([signal, over.signal, deadline]);
  const body = Readable.from(paced({ source, size, pace, way, up: connection.up, yields, signal: ending }), {
    objectMode: false,
    highWaterMark: 1,
  });
  try {
    return await axios.put(url, body, { ...PLAIN, transport: transportOf(connection), headers, maxBodyLength: size, signal: ending });
  } finally {
    clearInterval(looking);
    over.abort();
    body.destroy();
  }
}

function slowestMs(bytes: number): number {
  return Math.ceil(bytes / SLOWEST_BYTES_PER_SECOND) * 1_000;
}

function transportOf(connection: Connection) {
  return {
    request: (options: RequestOptions, answered: (answer: IncomingMessage) => void) => connection.request(options, answered),
  };
}

interface Paced {
  readonly source: string | Buffer;
  readonly size: number;
  readonly pace: Pace;
  readonly way: Way;
  readonly up: Promise<Socket>;
  readonly yields: () => boolean;
  readonly signal: AbortSignal;
}

/** The file, part by part, each when the pace allows. */
async function* paced({ source, size, pace, way, up, yields, signal }: Paced): AsyncGenerator<Buffer> {
  const [socket, file] = await Promise.all([unlessEnded(up, signal), opened(source)]);
  try {
    while (socket && !signal.aborted && pace.given < size) {
      // On a quick link nobody has to wait for what is the request's head, and may be on its way.
      const onItsWay = pace.given === 0 && !isNarrow(way) ? 0 : await unsentOf(socket);
      const bytes = yields() ? 0 : pace.allows(performance.now(), onItsWay);
      if (bytes === 0) {
        await wait(pace.lookAgainMs(performance.now()), signal);
        continue;
      }
      const part = await file.read(bytes);
      if (part.length === 0) break;
      pace.gave(part.length, performance.now());
      yield part;
    }
    pace.gaveAll();
  } finally {
    await file.close();
  }
}

interface Opened {
  /** The next ones; none at the end. */
  read(bytes: number): Promise<Buffer>;
  close(): Promise<void>;
}

async function opened(source: string | Buffer): Promise<Opened> {
  if (typeof source !== 'string') {
    let rest = source;
    const read = async (bytes: number) => {
      const part = rest.subarray(0, bytes);
      rest = rest.subarray(bytes);
      return part;
    };
    return { read, close: async () => {} };
  }
  const file = await open(source, 'r');
  const read = async (bytes: number) => {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes);
    return buffer.subarray(0, bytesRead);
  };
  return { read, close: () => file.close() };
}

/** Undefined where the signal fires first. */
function unlessEnded<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  const ended = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
  return Promise.race([awaited, ended]);
}

/** A kept connection may have been closed by the other side just then: that is no failure, and it is asked once more on another. */
const CLOSED = ['ECONNRESET', 'EPIPE'];

async function answering(ask: (connection: Connection) => Promise<AxiosResponse<unknown>>): Promise<Answer> {
  const connection = new Connection();
  try {
    const { status, data, headers } = await ask(connection);
    const date: unknown = headers.date;
    return {
      status,
      text: typeof data === 'string' ? data : '',
      date: typeof date === 'string' ? date : undefined,
      retryAfterMs: retryAfter(headers['retry-after'], Date.parse(String(date))),
    };
  } catch (error) {
    if (connection.wasKept && CLOSED.includes(codeOf(error) ?? '')) return answering(ask);
    return { status: 0, text: messageOf(error), date: undefined, retryAfterMs: undefined };
  }
}

/** Pure. @param value seconds, or a date, which is taken by the clock of who said it. @param saidMs that clock, NaN where it is unknown. */
export function retryAfter(value: unknown, saidMs: number): number | undefined {
  const text = String(value ?? '').trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - saidMs;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
