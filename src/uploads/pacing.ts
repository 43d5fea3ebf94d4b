// How the bytes of an upload are given to the link. Two kinds: fixed (fixed.ts, the default) and adaptive (adaptive/).
import type { Readable } from 'node:stream';
import type { AxiosRequestConfig } from 'axios';

/** The link that all uploads share. */
export interface UploadLink {
  /** Bytes a second; null: no limit. */
  readonly bytesPerSecond: number | null;
  /** While true, uploads pause: an alert is in flight. */
  readonly yields: () => boolean;
}

export interface PacedRequestOptions {
  /** Bytes of the body. */
  readonly size: number;
  /** The connection is dead if nothing has arrived for this long; `abort` is called then. */
  readonly patienceMs: number;
  readonly abort: () => void;
  /** The request is over. */
  readonly signal: AbortSignal;
}

export interface PacedRequest {
  /** Options for axios: its connections. */
  readonly config: Pick<AxiosRequestConfig, 'transport' | 'httpAgent' | 'httpsAgent'>;
  /** @returns the body to send in place of `source`. */
  body(source: Buffer | Readable): Buffer | Readable;
  /** Releases the timers. */
  end(): void;
}

export interface Pacing {
  begin(options: PacedRequestOptions): PacedRequest;
}

/** A slower link counts as dead. */
const SLOWEST_BYTES_PER_SECOND = 512;

/** @returns the longest time in milliseconds that so many bytes may take. */
export function slowestMs(bytes: number): number {
  return Math.ceil(bytes / SLOWEST_BYTES_PER_SECOND) * 1_000;
}
