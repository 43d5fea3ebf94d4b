// Serves GET /healthz and GET /metrics over HTTP on the address in health.listen, for monitoring systems. There is no authentication, so
// the address should be a loopback address, and the answers must not contain secrets. Whatever others request, the agent goes on watching.
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { messageOf, reused, withDeadline } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { namesThisMachine } from './host.ts';
import { closeServer, listeningServer } from './httpServer.ts';
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
/** How long an answer is reused, so that many requests cost no more than one. */
const FRESH_MS = 1_000;
const MAX_REQUESTS_PER_SECOND = 50;

const UNKNOWN_HOST = 'use the address of this machine, its host name, or a name in .local, .lan, .home, .internal or .home.arpa\n';

type Health = readonly [status: number, body: unknown];

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #metrics: () => string;
  readonly #health: () => Promise<Health>;
  readonly #isFlooded = floodGate();
  #server: Server | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#metrics = reused(options.metrics, FRESH_MS);
    this.#health = reused(() => this.#askHealth(), FRESH_MS);
  }

  /** @returns the address, with the actual port instead of 0. @throws AgentError LISTEN_FAILED; the agent then runs without a monitor */
  async start(): Promise<string> {
    const { listen } = this.#options;
    const colon = listen.lastIndexOf(':');
    const [host, port] = [listen.slice(0, colon).replace(/^\[|\]$/g, ''), Number(listen.slice(colon + 1))];
    const serve = async ({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> => {
      const path = (url ?? '').split('?')[0];
      if (this.#isFlooded()) return answer(response.setHeader('connection', 'close'), 429, 'text/plain', 'too many requests\n');
      if (!namesThisMachine(headers.host, host)) return answer(response, 421, 'text/plain', UNKNOWN_HOST);
      if (method !== 'GET') return answer(response, 405, 'text/plain', 'only GET is allowed\n');
      if (path === '/metrics') return answer(response, 200, EXPOSITION_TYPE, this.#metrics());
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
  async #askHealth(): Promise<Health> {
    const asked = this.#options.probe().catch(messageOf);
    const reason = await withDeadline(asked, PROBE_WITHIN_MS, () => 'ROS callbacks are not served');
    return [reason === undefined ? 200 : 503, { alive: reason === undefined, reason: reason ?? null, problems: this.#options.problems() }];
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}

/** Returns a function that counts a request, and tells whether there are too many in this second. */
function floodGate(): () => boolean {
  let [requests, sinceMs] = [0, performance.now()];
  return () => {
    const nowMs = performance.now();
    if (nowMs - sinceMs >= 1_000) [requests, sinceMs] = [0, nowMs];
    return ++requests > MAX_REQUESTS_PER_SECOND;
  };
}
