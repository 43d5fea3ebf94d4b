// Tests whether the broker can be reached over TCP: resolves its host name, then tries its ports.
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { codeOf, messageOf } from '../../base/index.ts';
import { type Route, routesOf } from '../../uplink/index.ts';

interface Attempt {
  readonly port: number;
  /** The error code or message if the connection failed. */
  readonly failure: string | undefined;
  readonly ms: number;
}

export interface Reached {
  readonly addresses: readonly string[];
  /** The error if the host name could not be resolved. */
  readonly nameError: string | undefined;
  readonly tried: readonly Attempt[];
  /** The first route that accepted a connection; undefined if all failed. */
  readonly route: Route | undefined;
}

const CONNECT_MS = 5_000;

/** @param port if undefined, 8883 and then 443 are tried, as the agent does. */
export async function reachBroker(host: string, port: number | undefined): Promise<Reached> {
  let addresses: readonly string[] = [];
  try {
    addresses = (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    return { addresses, nameError: `${host}: ${codeOf(error) ?? messageOf(error)}`, tried: [], route: undefined };
  }
  const tried: Attempt[] = [];
  for (const route of routesOf(port)) {
    const attempt = await tryPort(host, route.port);
    tried.push(attempt);
    if (attempt.failure === undefined) return { addresses, nameError: undefined, tried, route };
  }
  return { addresses, nameError: undefined, tried, route: undefined };
}

function tryPort(host: string, port: number): Promise<Attempt> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (failure?: string) => {
      socket.destroy();
      resolve({ port, failure, ms: Math.round(performance.now() - startedMs) });
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(`no answer within ${CONNECT_MS / 1_000} s`));
    socket.once('error', (error) => end(failureOf(error)));
  });
}

/** If a name has several addresses, Node.js reports an AggregateError with one error per address. Use the first of them. */
function failureOf(error: Error): string {
  const inner: unknown = (error as { errors?: readonly unknown[] }).errors?.[0];
  return codeOf(inner) ?? codeOf(error) ?? messageOf(error);
}
