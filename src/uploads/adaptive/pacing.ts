// Implements adaptive pacing: each connection writes through a gate, which passes bytes to the kernel only as fast as the slowest link on
// the path can carry them. Requires Linux's /proc/self/net/tcp.
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { AGENTS, type PacedRequest, type PacedRequestOptions, type Pacing, slowestMs, type UploadLink } from '../pacing.ts';
import { type Gate, setGate, unsentOf } from './gate.ts';
import { Pace, type PathState } from './pace.ts';

const STALL_CHECK_MS = 500;
/** How much may still be in buffers along the path once everything has been sent. It must arrive before the server can answer. */
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

/** Whether the connection has made no progress for more than `patienceMs`. */
async function isDead({ socket }: GatedTransport, pace: Pace, patienceMs: number): Promise<boolean> {
  if (!socket) return pace.stalledMs(performance.now()) > patienceMs;
  const { sent } = pace;
  const inFlight = await unsentOf(socket);
  // If the number is unknown, only the deadline ends the request. If the gate passed bytes during the read, the number may be too small.
  if (inFlight === undefined || pace.sent !== sent) return false;
  pace.recordInFlight(performance.now(), inFlight);
  return pace.stalledMs(performance.now()) > patienceMs;
}

/** Replaces Node's HTTP transport for one request, so that the request's connection writes through a gate. */
class GatedTransport {
  readonly #gate: Omit<Gate, 'up'>;
  #socket: Socket | undefined;

  constructor(gate: Omit<Gate, 'up'>) {
    this.#gate = gate;
  }

  /** The request's socket; undefined until it is connected. */
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
