// The ways to the broker: port 8883, and where a firewall lets only HTTPS out, port 443 with ALPN (IoT Core's protocols page). Pure.

export interface Route {
  readonly port: number;
  /** The protocol asked for in the TLS handshake: port 443 of IoT Core serves several. */
  readonly alpn: string | undefined;
}

const MQTTS: Route = { port: 8883, alpn: undefined };
const HTTPS: Route = { port: 443, alpn: 'x-amzn-mqtt-ca' };

/** Causes that say nothing got through, so that another port may. */
const BLOCKED: ReadonlySet<string> = new Set(['broker_unreachable', 'broker_refused_connection', 'broker_hung_up']);

/** @param port as configured; undefined: both known ones are tried. */
export function routesOf(port: number | undefined): readonly Route[] {
  return port === undefined ? [MQTTS, HTTPS] : [{ port, alpn: port === HTTPS.port ? HTTPS.alpn : undefined }];
}

/** The route to take after a failure: the next one when nothing got through, the same when somebody answered. */
export function nextRoute(routes: readonly Route[], current: number, cause: string): number {
  return BLOCKED.has(cause) ? (current + 1) % routes.length : current;
}
