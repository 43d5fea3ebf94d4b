// GET /healthz and GET /metrics over HTTP for monitoring, on the address in health.listen. There is no login, so the address should be
// on loopback. The server only answers GET and returns no secret.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { EXPOSITION_TYPE } from './metrics.ts';

export interface MonitorOptions {
  /** HOST:PORT; port 0 takes any free port. */
  readonly listen: string;
  /** Resolves to the reason why the agent is not healthy, or to undefined. A probe that does not resolve means that the agent hangs. */
  readonly probe: () => Promise<string | undefined>;
  /** Codes of the standing problems. */
  readonly problems: () => readonly string[];
  readonly metrics: () => string;
}

/** /healthz answers within this time. */
const PROBE_WITHIN_MS = 2_000;

export class Monitor {
  readonly #options: MonitorOptions;
  #server: Server | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** @returns the address in use. @throws AgentError LISTEN_FAILED; the agent works without the monitor. */
  async start(): Promise<string> {
    const { listen } = this.#options;
    const at = listen.lastIndexOf(':');
    const [host, port] = [listen.slice(0, at).replace(/^\[|\]$/g, ''), Number(listen.slice(at + 1))];
    const server = createServer({ requestTimeout: 5_000 }, ({ method, url }, response) => {
      const path = (url ?? '').split('?')[0];
      if (method !== 'GET') return answer(response, 405, 'text/plain', 'only GET\n');
      if (path === '/metrics') return answer(response, 200, EXPOSITION_TYPE, this.#options.metrics());
      if (path !== '/healthz') return answer(response, 404, 'text/plain', 'this server has /healthz and /metrics\n');
      void this.#health().then(([status, body]) => answer(response, status, 'application/json', `${JSON.stringify(body)}\n`));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port }, resolve);
    }).catch((cause: unknown) => {
      throw new AgentError('LISTEN_FAILED', `health.listen: ${listen}: ${messageOf(cause)}`, {
        remedy: 'set an address of this machine and a free port',
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

  /** The HTTP status says whether the agent is alive; standing problems do not change it. */
  async #health(): Promise<[status: number, body: unknown]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('ROS callbacks are not served'), PROBE_WITHIN_MS);
    });
    const reason = await Promise.race([this.#options.probe().catch(messageOf), late]);
    clearTimeout(timer);
    return [reason === undefined ? 200 : 503, { alive: reason === undefined, reason: reason ?? null, problems: this.#options.problems() }];
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}
