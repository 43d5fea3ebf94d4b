// Chooses the port and the MQTT version for a connection. If a firewall blocks port 8883, port 443 with ALPN often works, because it is
// also used for HTTPS (AWS IoT Core, Protocols page). The agent's `BrokerRoute` remembers the choice; `dial` opens a single connection.
import { connectCause, refusesVersion } from './causes.ts';
import { ConnectError } from './connectError.ts';
import { Session, type SessionOptions } from './session.ts';

export interface Route {
  readonly port: number;
  /** ALPN protocol for the TLS handshake, which IoT Core needs on port 443 because it serves several protocols there. */
  readonly alpn: string | undefined;
}

const MQTTS: Route = { port: 8883, alpn: undefined };
const HTTPS: Route = { port: 443, alpn: 'x-amzn-mqtt-ca' };

/** Failures in which the broker did not answer at all, so that another port may work. */
const BLOCKED: ReadonlySet<string> = new Set(['broker_unreachable', 'broker_refused_connection', 'broker_hung_up']);

/** Returns the routes to try, in order. @param port the configured port; if undefined, 8883 and then 443. */
export function routesOf(port: number | undefined): readonly Route[] {
  return port === undefined ? [MQTTS, HTTPS] : [{ port, alpn: port === HTTPS.port ? HTTPS.alpn : undefined }];
}

/** Returns the index of the route to try next. It only changes if the failure means that the broker did not answer. */
export function nextRoute(routes: readonly Route[], current: number, cause: string): number {
  return BLOCKED.has(cause) ? (current + 1) % routes.length : current;
}

export class BrokerRoute {
  readonly #host: string;
  readonly #routes: readonly Route[];
  #route: number;
  /** The protocol level: 4 means MQTT 3.1.1. */
  version: 4 | 5 = 5;
  lastGoodPort: number | null;

  /** @param lastGoodPort port of the last successful connection, which is tried first; null if there is no such port. */
  constructor(host: string, port: number | undefined, lastGoodPort: number | null) {
    this.#host = host;
    this.#routes = routesOf(port);
    this.lastGoodPort = lastGoodPort;
    this.#route = Math.max(
      0,
      this.#routes.findIndex((route) => route.port === lastGoodPort),
    );
  }

  get route(): Route {
    return this.#routes[this.#route] ?? MQTTS;
  }

  get endpoint(): string {
    return `${this.#host}:${this.route.port}`;
  }

  recordSuccess(): void {
    this.lastGoodPort = this.route.port;
  }

  recordFailure(cause: string): void {
    this.#route = nextRoute(this.#routes, this.#route, cause);
  }

  /** Switches to MQTT 3.1.1 for the rest of this run if the broker refused version 5. @returns whether it switched. */
  fallBack(reason: string | number | undefined): boolean {
    if (this.version === 4 || !refusesVersion(reason)) return false;
    this.version = 4;
    return true;
  }
}

export interface DialOptions extends Pick<SessionOptions, 'host' | 'credentials' | 'clientId' | 'onMessage'> {
  /** If undefined, 8883 is tried first and then 443 with ALPN. */
  readonly port: number | undefined;
  readonly timeoutMs: number;
}

/** How to reach the broker and authenticate to it. */
export type BrokerAccess = Pick<DialOptions, 'host' | 'port' | 'credentials' | 'timeoutMs'>;

const KEEPALIVE_MS = 30_000;

/** Connects over the first route that works, trying each once. @throws ConnectError for the last route tried. */
export async function dial(options: DialOptions, signal: AbortSignal, routes = routesOf(options.port)): Promise<Session> {
  const [route = MQTTS, ...others] = routes;
  try {
    const { timeoutMs: connectTimeoutMs } = options;
    return await connectAnyVersion({ ...options, ...route, keepaliveMs: KEEPALIVE_MS, connectTimeoutMs, will: undefined }, signal);
  } catch (error) {
    const reason = error instanceof ConnectError ? error.reason : undefined;
    // The clock only affects causes to do with certificates, which do not change the route, so any clock will do.
    const cause = connectCause(reason, { trusted: () => true, wall: Date.now }, options.credentials);
    if (signal.aborted || others.length === 0 || !BLOCKED.has(cause)) throw error;
    return dial(options, signal, others);
  }
}

async function connectAnyVersion(options: Omit<SessionOptions, 'version'>, signal: AbortSignal): Promise<Session> {
  try {
    return await Session.connect({ ...options, version: 5 }, signal);
  } catch (error) {
    if (!(error instanceof ConnectError) || !refusesVersion(error.reason)) throw error;
    return Session.connect({ ...options, version: 4 }, signal);
  }
}
