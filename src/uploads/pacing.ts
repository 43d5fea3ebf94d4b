// Paces the bytes of an upload. `FixedPacing` is the default; adaptive/ has the other implementation.
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import type { AxiosRequestConfig } from 'axios';
import { wait } from '../base/index.ts';

/** The limits that all uploads share. */
export interface UploadLink {
  /** Null: no limit. */
  readonly bytesPerSecond: number | null;
  /** While true, uploads pause, because an alert is in flight. */
  readonly yields: () => boolean;
}

export interface PacedRequestOptions {
  /** Bytes of the body. */
  readonly size: number;
  /** If nothing arrives for this long, the connection is dead and `abort` is called. */
  readonly patienceMs: number;
  readonly abort: () => void;
  /** Fires when the request ended. */
  readonly signal: AbortSignal;
}

export interface PacedRequest {
  /** The options of axios that select the connection. */
  readonly config: Pick<AxiosRequestConfig, 'transport' | 'httpAgent' | 'httpsAgent'>;
  /** @returns the body to send in place of `source`. */
  body(source: Buffer | Readable): Buffer | Readable;
  /** Releases the timers. */
  end(): void;
}

export interface Pacing {
  begin(options: PacedRequestOptions): PacedRequest;
}

/** Short, because the robot may change networks. The server then receives nothing on the old connection. */
const IDLE_CONNECTION_MS = 10_000;
/** One connection to the cloud, and one to the object store. */
const IDLE_CONNECTIONS = 2;

/**
 * Keeps connections for the next request. A handshake takes longer than a request to the cloud on a slow link, and as long as a picture on
 * a fast link.
 */
const AGENT_OPTIONS = { keepAlive: true, timeout: IDLE_CONNECTION_MS, maxFreeSockets: IDLE_CONNECTIONS };
export const AGENTS = { httpAgent: new http.Agent(AGENT_OPTIONS), httpsAgent: new https.Agent(AGENT_OPTIONS) };

/** A slower link counts as dead. */
const MIN_BYTES_PER_SECOND = 512;

/** @returns the longest time in milliseconds that these bytes may take. */
export function slowestMs(bytes: number): number {
  return Math.ceil(bytes / MIN_BYTES_PER_SECOND) * 1_000;
}

/** With a limit, the bytes of a second are divided into at least this many pieces. */
const PIECES_PER_SECOND = 10;
const MAX_PIECE_BYTES = 16 * 1024;
const PAUSE_CHECK_MS = 50;
/** The kernel buffers this much before a slow link, and reports no progress for it (Linux: the maximum of net.ipv4.tcp_wmem). */
const KERNEL_BUFFER_BYTES = 4 * 1024 ** 2;

/**
 * Sends the bytes of a file at most at the configured rate, and pauses while an alert is in flight. It cannot hold back bytes in the kernel,
 * so an alert waits behind them if the link is slower than the rate (docs/adr/0003-pace-uploads-at-a-fixed-rate.md has measurements).
 */
export class FixedPacing implements Pacing {
  readonly #link: UploadLink;

  constructor(link: UploadLink) {
    this.#link = link;
  }

  begin({ size, patienceMs, signal, abort }: PacedRequestOptions): PacedRequest {
    const abortLater = (sent: number) => setTimeout(abort, patienceMs + slowestMs(Math.min(sent, KERNEL_BUFFER_BYTES)));
    let isOver = false;
    let timer = abortLater(size);
    // The body may still produce a piece after the end of the request. Without the check, its timer would keep the process alive.
    const progress = (sent: number) => {
      clearTimeout(timer);
      if (!isOver) timer = abortLater(sent);
    };
    return {
      config: AGENTS,
      body: (source) => Readable.from(paced(source, this.#link, signal, progress)),
      end: () => {
        isOver = true;
        clearTimeout(timer);
      },
    };
  }
}

export const UNLIMITED: Pacing = new FixedPacing({ bytesPerSecond: null, yields: () => false });

/** @param progress called with the bytes sent so far, before each piece and during a pause. */
async function* paced(
  source: Buffer | Readable,
  { bytesPerSecond, yields }: UploadLink,
  signal: AbortSignal,
  progress: (sent: number) => void,
): AsyncGenerator<Buffer> {
  const max = Math.min(MAX_PIECE_BYTES, Math.max(1, Math.ceil((bytesPerSecond ?? Number.POSITIVE_INFINITY) / PIECES_PER_SECOND)));
  let [sent, freeMs] = [0, performance.now()];
  for await (const chunk of Buffer.isBuffer(source) ? [source] : (source as AsyncIterable<Buffer>)) {
    for (let at = 0; at < chunk.length; at += max) {
      await wait(Math.max(0, freeMs - performance.now()), signal);
      while (yields() && !signal.aborted) {
        progress(sent);
        await wait(PAUSE_CHECK_MS, signal);
      }
      const piece = chunk.subarray(at, at + max);
      sent += piece.length;
      progress(sent);
      if (bytesPerSecond !== null) freeMs = Math.max(freeMs, performance.now()) + (piece.length / bytesPerSecond) * 1_000;
      yield piece;
    }
  }
}
