// The broker's address in the configuration: HOST or HOST:PORT, an IPv6 address in brackets.

export interface Endpoint {
  readonly host: string;
  /** Undefined if the address has none. */
  readonly port: number | undefined;
}

export function endpointOf(endpoint: string): Endpoint {
  const { hostname, port } = new URL(`mqtts://${endpoint}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? undefined : Number(port) };
}
