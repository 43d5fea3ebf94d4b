// Adaptive pacing: everything that a request writes goes through a gate, which gives the kernel only as much as does not lengthen the queue
// of the slowest link. It needs Linux's /proc/self/net/tcp.
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { PacedRequest, PacedRequestOptions, Pacing, UploadLink } from '../pacing.ts';
import { slowestMs } from '../pacing.ts';
import { Pace, type PathState } from './pace.ts';
import { GatedTransport } from './transport.ts';
import { unsentOf } from './unsent.ts';

const STALL_CHECK_MS = 500;
/** Bytes that may wait in front of the server after all were given, and have to arrive before it answers. */
const BUFFERED_BYTES = 256 * 1024;

export class AdaptivePacing implements Pacing {
  readonly #link: UploadLink;
  readonly #path: PathState = {};

  constructor(link: UploadLink) {
    this.#link = link;
  }

  begin({ size, patienceMs, signal, abort }: PacedRequestOptions): PacedRequest {
    const pace = new Pace(this.#link.bytesPerSecond, performance.now(), this.#path);
    const transport = new GatedTransport({ pace, yields: this.#link.yields, signal });
    const look = async () => {
      if (await isDead(transport, pace, patienceMs + (pace.isAll ? slowestMs(Math.min(size, BUFFERED_BYTES)) : 0))) abort();
    };
    const looking = setInterval(() => void look(), STALL_CHECK_MS);
    const request = (options: RequestOptions, answered: (answer: IncomingMessage) => void) => transport.request(options, answered);
    return { config: { transport: { request } }, body: (source) => source, end: () => clearInterval(looking) };
  }
}

/** Whether nothing that was given has arrived for so long, or nothing could be given. */
async function isDead({ socket }: GatedTransport, pace: Pace, patienceMs: number): Promise<boolean> {
  if (!socket) return pace.stalledMs(performance.now()) > patienceMs;
  const { given } = pace;
  const inFlight = await unsentOf(socket);
  // If the system does not say, the deadline ends the request. Bytes given during the read are not in this number.
  if (inFlight === undefined || pace.given !== given) return false;
  pace.see(performance.now(), inFlight);
  return pace.stalledMs(performance.now()) > patienceMs;
}
