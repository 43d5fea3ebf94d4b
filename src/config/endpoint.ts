// The broker's address as the configuration says it: HOST or HOST:PORT, an IPv6 address in brackets.

export interface Endpoint {
  readonly host: string;
  /** Undefined where none is given. */
  readonly port: number | undefined;
}

export function endpointOf(endpoint: string): Endpoint {
  const { hostname, port } = new URL(`mqtts://${endpoint}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? undefined : Number(port) };
}
