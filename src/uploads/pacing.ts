// Limits the rate at which uploads send bytes. `FixedPacing` is the default; the alternative is in adaptive/.
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import type { AxiosRequestConfig } from 'axios';
import { wait } from '../base/index.ts';

/** Limits that all uploads share. */
export interface UploadLink {
  /** Null means no limit. */
  readonly bytesPerSecond: number | null;
  /** Uploads pause for as long as this returns true, because a more urgent message is in flight. */
  readonly yields: () => boolean;
}

export interface PacedRequestOptions {
  /** Size of the body, in bytes. */
  readonly size: number;
  /** If the request makes no progress for this long, `abort` is called. */
  readonly patienceMs: number;
  readonly abort: () => void;
  /** Aborted once the request has ended. */
  readonly signal: AbortSignal;
}

export interface PacedRequest {
  /** The axios options that select the connection. */
  readonly config: Pick<AxiosRequestConfig, 'transport' | 'httpAgent' | 'httpsAgent'>;
  /** Returns the body to send instead of `source`. */
  body(source: Buffer | Readable): Buffer | Readable;
  /** Stops the timers. Must be called when the request ends. */
  end(): void;
}

export interface Pacing {
  begin(options: PacedRequestOptions): PacedRequest;
}

/** Kept short, because the robot may switch networks, and an old connection is then dead without an error. */
const IDLE_CONNECTION_MS = 10_000;
/** Idle connections to keep per host. */
const IDLE_CONNECTIONS = 2;

/**
 * Keep connections alive between requests. On a slow link, a TLS handshake takes longer than a request to the cloud; on a fast link, as
 * long as sending a picture.
 */
const AGENT_OPTIONS = { keepAlive: true, timeout: IDLE_CONNECTION_MS, maxFreeSockets: IDLE_CONNECTIONS };
export const AGENTS = { httpAgent: new http.Agent(AGENT_OPTIONS), httpsAgent: new https.Agent(AGENT_OPTIONS) };

/** A link slower than this is treated as dead. */
const MIN_BYTES_PER_SECOND = 512;

/** Returns how long a transfer of these bytes may take at most, in milliseconds. */
export function slowestMs(bytes: number): number {
  return Math.ceil(bytes / MIN_BYTES_PER_SECOND) * 1_000;
}

/** If the rate is limited, a second's bytes are spread over at least this many pieces. */
const PIECES_PER_SECOND = 10;
const MAX_PIECE_BYTES = 16 * 1024;
const PAUSE_CHECK_MS = 50;
/** How much Linux may buffer in front of a slow link (the maximum of net.ipv4.tcp_wmem). While it drains, no progress is visible. */
const KERNEL_BUFFER_BYTES = 4 * 1024 ** 2;

/**
 * Sends a file at no more than the configured rate, and pauses while an alert is in flight. It cannot take back bytes that are already in
 * the kernel's buffer, so if the link is slower than the rate, an alert waits behind them
 * (docs/adr/0003-pace-uploads-at-a-fixed-rate.md has measurements).
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
    // The body may produce another piece after the request has ended. Do not set a timer then, because it would keep the process alive.
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

/** Yields the pieces of `source`, each when it may be sent. @param progress called with the bytes sent so far, also during a pause. */
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
