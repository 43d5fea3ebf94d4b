// Fixed pacing: file bytes leave at most at the configured rate, and pause while an alert is in flight. Bytes that the kernel already has
// are not held back, so on a link slower than the rate an alert waits behind them (docs/adr/0003-pace-uploads-at-a-fixed-rate.md has measurements).
import { Readable } from 'node:stream';
import { wait } from '../base/index.ts';
import { AGENTS } from './agents.ts';
import { type PacedRequest, type PacedRequestOptions, type Pacing, slowestMs, type UploadLink } from './pacing.ts';

/** With a limit, one piece is at most this part of a second's bytes. */
const PIECES_A_SECOND = 10;
const LARGEST_PIECE = 16 * 1024;
const PAUSE_CHECK_MS = 50;
/** Bytes that the kernel buffers in front of a slow link (Linux: the maximum of net.ipv4.tcp_wmem). They send on without any sign here. */
const KERNEL_BUFFER_BYTES = 4 * 1024 ** 2;

export class FixedPacing implements Pacing {
  readonly #link: UploadLink;

  constructor(link: UploadLink) {
    this.#link = link;
  }

  begin({ size, patienceMs, signal, abort }: PacedRequestOptions): PacedRequest {
    const waitForProgress = (given: number) => setTimeout(abort, patienceMs + slowestMs(Math.min(given, KERNEL_BUFFER_BYTES)));
    let isOver = false;
    let dead = waitForProgress(size);
    // The body may still give a piece after the request ended; without the check its timer would never be cleared.
    const progress = (given: number) => {
      clearTimeout(dead);
      if (!isOver) dead = waitForProgress(given);
    };
    return {
      config: AGENTS,
      body: (source) => Readable.from(paced(source, this.#link, signal, progress)),
      end: () => {
        isOver = true;
        clearTimeout(dead);
      },
    };
  }
}

/** @param progress is called with the bytes given so far, before each piece and while the body pauses. */
async function* paced(
  source: Buffer | Readable,
  { bytesPerSecond, yields }: UploadLink,
  signal: AbortSignal,
  progress: (given: number) => void,
): AsyncGenerator<Buffer> {
  const most = bytesPerSecond === null ? LARGEST_PIECE : Math.max(1, Math.min(LARGEST_PIECE, Math.ceil(bytesPerSecond / PIECES_A_SECOND)));
  let [given, freeMs] = [0, performance.now()];
  for await (const chunk of Buffer.isBuffer(source) ? [source] : (source as AsyncIterable<Buffer>)) {
    for (let at = 0; at < chunk.length; at += most) {
      await wait(Math.max(0, freeMs - performance.now()), signal);
      while (yields() && !signal.aborted) {
        progress(given);
        await wait(PAUSE_CHECK_MS, signal);
      }
      const piece = chunk.subarray(at, at + most);
      given += piece.length;
      progress(given);
      if (bytesPerSecond !== null) freeMs = Math.max(freeMs, performance.now()) + (piece.length / bytesPerSecond) * 1_000;
      yield piece;
    }
  }
}
