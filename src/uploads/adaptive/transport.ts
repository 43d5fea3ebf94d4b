// The transport of one request in place of Node's own: its connection writes through a gate.
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { AGENTS } from '../agents.ts';
import { type Gate, setGate } from './gate.ts';

export class GatedTransport {
  readonly #gate: Omit<Gate, 'up'>;
  #socket: Socket | undefined;

  /** @param gate everything that the request sends goes through it. */
  constructor(gate: Omit<Gate, 'up'>) {
    this.#gate = gate;
  }

  /** Undefined until bytes can be sent on the connection. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  request(options: RequestOptions, answered: (answer: IncomingMessage) => void): ClientRequest {
    const isSecure = options.protocol === 'https:';
    const request = isSecure
      ? https.request({ ...options, agent: AGENTS.httpsAgent }, answered)
      : http.request({ ...options, agent: AGENTS.httpAgent }, answered);
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
}
