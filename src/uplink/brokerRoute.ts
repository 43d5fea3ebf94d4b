// Chooses the port and the MQTT version for a connection. If port 8883 is blocked, 443 with ALPN often works, because firewalls allow HTTPS
// (IoT Core, Protocols page). `BrokerRoute` serves the agent and remembers the choice; `dial` opens one short-lived connection.
import { connectCause, refusesVersion } from './causes.ts';
import { ConnectError, Session, type SessionOptions } from './session.ts';

export interface Route {
  readonly port: number;
  /** Protocol name in the TLS handshake. Port 443 of IoT Core serves several protocols. */
  readonly alpn: string | undefined;
}

const MQTTS: Route = { port: 8883, alpn: undefined };
const HTTPS: Route = { port: 443, alpn: 'x-amzn-mqtt-ca' };

/** Failures without an answer from the broker. Another port may work. */
const BLOCKED: ReadonlySet<string> = new Set(['broker_unreachable', 'broker_refused_connection', 'broker_hung_up']);

/** @param port the configured port; undefined: 8883, then 443. */
export function routesOf(port: number | undefined): readonly Route[] {
  return port === undefined ? [MQTTS, HTTPS] : [{ port, alpn: port === HTTPS.port ? HTTPS.alpn : undefined }];
}

/** @returns the index of the route for the next try. It changes only if the broker did not answer. */
export function nextRoute(routes: readonly Route[], current: number, cause: string): number {
  return BLOCKED.has(cause) ? (current + 1) % routes.length : current;
}

export class BrokerRoute {
  readonly #host: string;
  readonly #routes: readonly Route[];
  #route: number;
  /** 4 is MQTT 3.1.1. */
  version: 4 | 5 = 5;
  lastGoodPort: number | null;

  /** @param lastGoodPort the port of the last successful connection, which is tried first. */
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

  /** Switches to MQTT 3.1.1 for good if the broker refused version 5. @returns whether it switched. */
  fallBack(reason: string | number | undefined): boolean {
    if (this.version === 4 || !refusesVersion(reason)) return false;
    this.version = 4;
    return true;
  }
}

export interface DialOptions extends Pick<SessionOptions, 'host' | 'credentials' | 'clientId' | 'onMessage'> {
  /** Undefined: 8883, then 443 with ALPN. */
  readonly port: number | undefined;
  readonly timeoutMs: number;
}

/** The broker, and the credentials for it. */
export type BrokerAccess = Pick<DialOptions, 'host' | 'port' | 'credentials' | 'timeoutMs'>;

const KEEPALIVE_MS = 30_000;

/** Connects over the first route that works. It does not retry. @throws ConnectError of the last route. */
export async function dial(options: DialOptions, signal: AbortSignal, routes = routesOf(options.port)): Promise<Session> {
  const [route = MQTTS, ...others] = routes;
  try {
    const { timeoutMs: connectTimeoutMs } = options;
    return await connectAnyVersion({ ...options, ...route, keepaliveMs: KEEPALIVE_MS, connectTimeoutMs, will: undefined }, signal);
  } catch (error) {
    const reason = error instanceof ConnectError ? error.reason : undefined;
    // The choice of a route does not depend on the clock.
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
