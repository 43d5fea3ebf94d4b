// A connection for one purpose, such as a command from a bench or the request for a certificate: the first route that works, in the newest
// version of MQTT that the broker accepts. The caller decides about retries.

import { nextRoute, routesOf } from './brokerRoute.ts';
import { connectCause, refusesVersion } from './causes.ts';
import { ConnectError, Session, type SessionOptions } from './session.ts';

export interface DialOptions extends Pick<SessionOptions, 'host' | 'credentials' | 'clientId' | 'onMessage'> {
  /** Undefined: 8883, then 443. */
  readonly port: number | undefined;
  readonly timeoutMs: number;
}

const KEEPALIVE_MS = 30_000;

/** @throws ConnectError of the last route that was tried. */
export async function dial(options: DialOptions, signal: AbortSignal): Promise<Session> {
  const routes = routesOf(options.port);
  for (let at = 0; ; at++) {
    const { port, alpn } = routes[at] ?? { port: 8883, alpn: undefined };
    try {
      return await connect(
        { ...options, port, alpn, keepaliveMs: KEEPALIVE_MS, connectTimeoutMs: options.timeoutMs, will: undefined },
        signal,
      );
    } catch (error) {
      const reason = error instanceof ConnectError ? error.reason : undefined;
      // The route does not depend on the clock.
      const cause = connectCause(reason, { trusted: true, wallMs: Date.now() }, options.credentials);
      if (signal.aborted || at + 1 >= routes.length || nextRoute(routes, at, cause) === at) throw error;
    }
  }
}

async function connect(options: Omit<SessionOptions, 'version'>, signal: AbortSignal): Promise<Session> {
  try {
    return await Session.connect({ ...options, version: 5 }, signal);
  } catch (error) {
    if (!(error instanceof ConnectError) || !refusesVersion(error.reason)) throw error;
    return Session.connect({ ...options, version: 4 }, signal);
  }
}
