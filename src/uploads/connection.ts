// The connection of one request. It is kept for the next one: on a narrow link a handshake takes longer than a picture's question, and
// on a quick one as long as its bytes.
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { type Gate, setGate } from './gate.ts';

/** A robot may be on another network by then, where nobody hears what this one says. */
const KEPT_MS = 10_000;
/** The cloud's and the store's. */
const KEPT = 2;

const OPTIONS = { keepAlive: true, timeout: KEPT_MS, maxFreeSockets: KEPT };
const AGENTS = { http: new http.Agent(OPTIONS), https: new https.Agent(OPTIONS) };

export class Connection {
  readonly #gate: Omit<Gate, 'up'>;
  #socket: Socket | undefined;
  #request: ClientRequest | undefined;

  /** @param gate that all it sends goes through. */
  constructor(gate: Omit<Gate, 'up'>) {
    this.#gate = gate;
  }

  /** Whether an earlier request had made it. */
  get wasKept(): boolean {
    return this.#request?.reusedSocket ?? false;
  }

  /** Once something can be sent on it. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** In place of Node's own. */
  request(options: RequestOptions, answered: (answer: IncomingMessage) => void): ClientRequest {
    const isSecure = options.protocol === 'https:';
    const request = isSecure
      ? https.request({ ...options, agent: AGENTS.https }, answered)
      : http.request({ ...options, agent: AGENTS.http }, answered);
    this.#request = request;
    request.once('socket', (socket) => {
      socket.setNoDelay(true);
      const up = new Promise<void>((resolve) => {
        const isUp = () => {
          this.#socket = socket;
          resolve();
        };
        if (request.reusedSocket) isUp();
        else socket.once(isSecure ? 'secureConnect' : 'connect', isUp);
      });
      setGate(socket, { ...this.#gate, up });
    });
    request.once('finish', () => this.#gate.pace.gaveAll());
    return request;
  }

  /** Nothing more is sent: where an answer came before all was, the rest would go on in the way of others. */
  end(): void {
    if (!this.#request?.writableFinished) this.#request?.destroy();
  }
}
