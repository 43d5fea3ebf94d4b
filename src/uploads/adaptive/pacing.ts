// Implements adaptive pacing: each connection writes through a gate, which passes only as many bytes to the kernel as do not lengthen the queue
// of the slowest link. It needs Linux's /proc/self/net/tcp.
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { AGENTS, type PacedRequest, type PacedRequestOptions, type Pacing, slowestMs, type UploadLink } from '../pacing.ts';
import { type Gate, setGate, unsentOf } from './gate.ts';
import { Pace, type PathState } from './pace.ts';

const STALL_CHECK_MS = 500;
/** Bytes that may still be in buffers after the kernel has them all. They must arrive before the server answers. */
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
    const check = async () => {
      if (await isDead(transport, pace, patienceMs + (pace.isAllSent ? slowestMs(Math.min(size, BUFFERED_BYTES)) : 0))) abort();
    };
    const checking = setInterval(() => void check(), STALL_CHECK_MS);
    const request = (options: RequestOptions, onAnswer: (answer: IncomingMessage) => void) => transport.request(options, onAnswer);
    return { config: { transport: { request } }, body: (source) => source, end: () => clearInterval(checking) };
  }
}

/** Whether the connection has made no progress for this long. */
async function isDead({ socket }: GatedTransport, pace: Pace, patienceMs: number): Promise<boolean> {
  if (!socket) return pace.stalledMs(performance.now()) > patienceMs;
  const { sent } = pace;
  const inFlight = await unsentOf(socket);
  // Without the number, only the deadline ends the request. The number is too small if the gate passed bytes during the read.
  if (inFlight === undefined || pace.sent !== sent) return false;
  pace.recordInFlight(performance.now(), inFlight);
  return pace.stalledMs(performance.now()) > patienceMs;
}

/** Replaces Node's transport for one request. Its connection writes through a gate. */
class GatedTransport {
  readonly #gate: Omit<Gate, 'up'>;
  #socket: Socket | undefined;

  constructor(gate: Omit<Gate, 'up'>) {
    this.#gate = gate;
  }

  /** Undefined until the connection is open. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  request(options: RequestOptions, onAnswer: (answer: IncomingMessage) => void): ClientRequest {
    const isSecure = options.protocol === 'https:';
    const request = isSecure
      ? https.request({ ...options, agent: AGENTS.httpsAgent }, onAnswer)
      : http.request({ ...options, agent: AGENTS.httpAgent }, onAnswer);
    request.once('socket', (socket) => {
      socket.setNoDelay(true);
      const up = new Promise<void>((resolve) => {
        const onUp = () => {
          this.#socket = socket;
          resolve();
        };
        if (request.reusedSocket) onUp();
        else socket.once(isSecure ? 'secureConnect' : 'connect', onUp);
      });
      setGate(socket, { ...this.#gate, up });
    });
    request.once('finish', () => this.#gate.pace.finishSending());
    return request;
  }
}
