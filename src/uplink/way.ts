// How the broker is reached: by which port, with which version of MQTT. What worked is kept, what is refused is not tried again.
import { refusesVersion } from './causes.ts';
import { nextRoute, type Route, routesOf } from './routes.ts';

export class Way {
  readonly #host: string;
  readonly #routes: readonly Route[];
  #route: number;
  #version: 4 | 5 = 5;
  #portThatWorked: number | null;

  /** @param port as configured; undefined: both known ones are tried, the one that worked last first. */
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
    return this.#routes[this.#route] ?? { port: 8883, alpn: undefined };
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

  /** @param cause why it did not work. */
  failed(cause: string): void {
    this.#route = nextRoute(this.#routes, this.#route, cause);
  }

  /** Takes MQTT 3.1.1 where the broker knows nothing newer. @returns whether that is why it refused. */
  takesOlder(reason: string | number | undefined): boolean {
    if (this.#version === 4 || !refusesVersion(reason)) return false;
    this.#version = 4;
    return true;
  }
}
