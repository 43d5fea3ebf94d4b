// For machines that watch the robot: GET /healthz and GET /metrics over HTTP, on the address the configuration names. Whoever can connect
// may ask, so it belongs on loopback; nothing here can be changed and nothing is secret.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { EXPOSITION_TYPE } from './metrics.ts';

export interface MonitorOptions {
  /** HOST:PORT; port 0 takes any that is free. */
  readonly listen: string;
  /** What hangs, or undefined; as long as it does not resolve, something hangs. */
  readonly probe: () => Promise<string | undefined>;
  /** Codes of the problems that stand. */
  readonly problems: () => readonly string[];
  readonly metrics: () => string;
}

/** Whoever asks waits no longer. */
const PULSE_WITHIN_MS = 2_000;

export class Monitor {
  readonly #options: MonitorOptions;
  #server: Server | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** @returns where it listens. @throws AgentError LISTEN_FAILED; the agent goes on without it. */
  async start(): Promise<string> {
    const { listen } = this.#options;
    const at = listen.lastIndexOf(':');
    const [host, port] = [listen.slice(0, at).replace(/^\[|\]$/g, ''), Number(listen.slice(at + 1))];
    const server = createServer({ requestTimeout: 5_000 }, ({ method, url }, response) => {
      const path = (url ?? '').split('?')[0];
      if (method !== 'GET') return answer(response, 405, 'text/plain', 'only GET\n');
      if (path === '/metrics') return answer(response, 200, EXPOSITION_TYPE, this.#options.metrics());
      if (path !== '/healthz') return answer(response, 404, 'text/plain', 'there is /healthz and /metrics\n');
      void this.#health().then(([status, body]) => answer(response, status, 'application/json', `${JSON.stringify(body)}\n`));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port }, resolve);
    }).catch((cause: unknown) => {
      throw new AgentError('LISTEN_FAILED', `health.listen: ${listen}: ${messageOf(cause)}`, {
        todo: 'take an address of this machine and a port that is free',
        cause,
      });
    });
    server.unref();
    this.#server = server;
    const bound = server.address();
    return bound !== null && typeof bound === 'object' ? `${listen.slice(0, at)}:${bound.port}` : listen;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Alive or not is the status; what is wrong beside that does not make it dead. */
  async #health(): Promise<[status: number, body: unknown]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('ROS callbacks are not served'), PULSE_WITHIN_MS);
    });
    const why = await Promise.race([this.#options.probe().catch(messageOf), late]);
    clearTimeout(timer);
    return [why === undefined ? 200 : 503, { alive: why === undefined, why: why ?? null, problems: this.#options.problems() }];
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}
