// The routes to the broker and the version of MQTT: port 8883, and for a firewall that allows only HTTPS port 443 with ALPN (IoT Core's
// protocols page). A route that worked is kept; a version that the broker refused is not tried again.
import { refusesVersion } from './causes.ts';

export interface Route {
  readonly port: number;
  /** The protocol requested in the TLS handshake: port 443 of IoT Core serves several. */
  readonly alpn: string | undefined;
}

const MQTTS: Route = { port: 8883, alpn: undefined };
const HTTPS: Route = { port: 443, alpn: 'x-amzn-mqtt-ca' };

/** Causes after which another port may work: nothing got through. */
const BLOCKED: ReadonlySet<string> = new Set(['broker_unreachable', 'broker_refused_connection', 'broker_hung_up']);

/** Pure. @param port as configured; undefined: both known routes. */
export function routesOf(port: number | undefined): readonly Route[] {
  return port === undefined ? [MQTTS, HTTPS] : [{ port, alpn: port === HTTPS.port ? HTTPS.alpn : undefined }];
}

/** Pure. @returns the index of the route after a failure: the next one if nothing got through, the same one if the broker answered. */
export function nextRoute(routes: readonly Route[], current: number, cause: string): number {
  return BLOCKED.has(cause) ? (current + 1) % routes.length : current;
}

export class BrokerRoute {
  readonly #host: string;
  readonly #routes: readonly Route[];
  #route: number;
  #version: 4 | 5 = 5;
  #portThatWorked: number | null;

  /** @param port as configured; undefined: both known routes are tried, first the one that worked last. */
  constructor(host: string, port: number | undefined, portThatWorked: number | null) {
    this.#host = host;
    this.#routes = routesOf(port);
    this.#portThatWorked = portThatWorked;
    this.#route = Math.max(
      0,
      this.#routes.findIndex((route) => route.port === portThatWorked),
    );
  }

  get route(): Route {
    return this.#routes[this.#route] ?? MQTTS;
  }

  /** 4 is MQTT 3.1.1. */
  get version(): 4 | 5 {
    return this.#version;
  }

  get endpoint(): string {
    return `${this.#host}:${this.route.port}`;
  }

  get portThatWorked(): number | null {
    return this.#portThatWorked;
  }

  worked(): void {
    this.#portThatWorked = this.route.port;
  }

  /** @param cause of the failure. */
  failed(cause: string): void {
    this.#route = nextRoute(this.#routes, this.#route, cause);
  }

  /** Falls back to MQTT 3.1.1 if the broker refused version 5. @returns whether it did. */
  fallBack(reason: string | number | undefined): boolean {
    if (this.#version === 4 || !refusesVersion(reason)) return false;
    this.#version = 4;
    return true;
  }
}
