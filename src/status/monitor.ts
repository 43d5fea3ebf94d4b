// Serves GET /healthz and GET /metrics over HTTP on the address in health.listen, for monitoring systems. There is no authentication, so
// the address should be a loopback address, and the answers must not contain secrets.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { ListenOptions } from 'node:net';
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { EXPOSITION_TYPE } from './metrics.ts';

interface MonitorOptions {
  /** HOST:PORT. Port 0 selects any free port. */
  readonly listen: string;
  /** Resolves to the reason why the agent is unhealthy, or to undefined if it is healthy. Does not resolve if the agent hangs. */
  readonly probe: () => Promise<string | undefined>;
  /** Codes of the current problems. */
  readonly problems: () => readonly string[];
  readonly metrics: () => string;
}

/** How long /healthz waits for the probe before it reports that the agent hangs. */
const PROBE_WITHIN_MS = 2_000;

export class Monitor {
  readonly #options: MonitorOptions;
  #server: Server | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** @returns the address, with the actual port instead of 0. @throws AgentError LISTEN_FAILED; the agent then runs without a monitor */
  async start(): Promise<string> {
    const { listen } = this.#options;
    const colon = listen.lastIndexOf(':');
    const [host, port] = [listen.slice(0, colon).replace(/^\[|\]$/g, ''), Number(listen.slice(colon + 1))];
    const serve = async ({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> => {
      const path = (url ?? '').split('?')[0];
      if (method !== 'GET') return answer(response, 405, 'text/plain', 'only GET is allowed\n');
      if (path === '/metrics') return answer(response, 200, EXPOSITION_TYPE, this.#options.metrics());
      if (path !== '/healthz') return answer(response, 404, 'text/plain', 'the paths are /healthz and /metrics\n');
      const [status, body] = await this.#health();
      answer(response, status, 'application/json', `${JSON.stringify(body)}\n`);
    };
    // A scraper must not be able to end the agent, whatever a metric throws.
    const onRequest: RequestListener = (request, response) => {
      serve(request, response).catch((error: unknown) => answer(response, 500, 'text/plain', `${messageOf(error)}\n`));
    };
    this.#server = await listeningServer({ host, port }, onRequest).catch((cause: unknown) => {
      throw new AgentError('LISTEN_FAILED', `health.listen: ${listen}: ${messageOf(cause)}`, {
        remedy: 'set an address of this machine and a free port',
        cause,
      });
    });
    const bound = this.#server.address();
    return bound !== null && typeof bound === 'object' ? `${listen.slice(0, colon)}:${bound.port}` : listen;
  }

  stop(): Promise<void> {
    return closeServer(this.#server);
  }

  /** The HTTP status only says whether the agent is alive. Current problems are listed in the body, but do not affect it. */
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

/** Starts an HTTP server that does not keep the process alive. @throws the error that `listen` emits, such as EADDRINUSE */
export async function listeningServer(address: ListenOptions, onRequest: RequestListener): Promise<Server> {
  const server = createServer({ requestTimeout: 5_000 }, onRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(address, resolve);
  });
  return server.unref();
}

export async function closeServer(server: Server | undefined): Promise<void> {
  if (!server) return;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
