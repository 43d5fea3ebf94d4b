// The connection to the broker up to TCP: its host name, and a port that accepts connections.
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { codeOf, messageOf } from '../../base/index.ts';
import { type Route, routesOf } from '../../uplink/index.ts';

export interface Reached {
  readonly addresses: readonly string[];
  /** Why the name has no address. */
  readonly nameError: string | undefined;
  readonly tried: readonly { readonly port: number; readonly error: string | undefined; readonly code: string | undefined; ms: number }[];
  /** The first route that accepted a connection. */
  readonly route: Route | undefined;
}

const CONNECT_MS = 5_000;

/** @param port undefined: 8883 and then 443, as the agent does. */
export async function reachBroker(host: string, port: number | undefined): Promise<Reached> {
  let addresses: readonly string[] = [];
  try {
    addresses = (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    return { addresses, nameError: `${host}: ${codeOf(error) ?? messageOf(error)}`, tried: [], route: undefined };
  }
  const tried = [];
  for (const route of routesOf(port)) {
    const result = await tryPort(host, route.port);
    tried.push(result);
    if (result.error === undefined) return { addresses, nameError: undefined, tried, route };
  }
  return { addresses, nameError: undefined, tried, route: undefined };
}

async function tryPort(host: string, port: number): Promise<Reached['tried'][number]> {
  const startedMs = performance.now();
  const took = () => Math.round(performance.now() - startedMs);
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (error: string | undefined, code: string | undefined) => {
      socket.destroy();
      resolve({ port, error, code, ms: took() });
    };
    socket.once('connect', () => end(undefined, undefined));
    socket.once('timeout', () => end(`no answer within ${CONNECT_MS / 1_000} s`, 'ETIMEDOUT'));
    socket.once('error', (error) => end(reasonOf(error), codeOf(error) ?? reasonOf(error)));
  });
}

/** For a name with several addresses Node throws an error that contains one error per address. */
function reasonOf(error: Error): string {
  const inner: unknown = (error as { errors?: readonly unknown[] }).errors?.[0];
  return codeOf(inner) ?? codeOf(error) ?? messageOf(error);
}
