// Opens a secured connection to the broker over the first path that works. The agent keeps one dialer for its whole run; `dial` opens a
// single connection in the same way.
import type { OwnCredentials } from '../identity/index.ts';
import { refusesVersion } from './causes.ts';
import { ConnectError, isStopped, unlessStopped } from './connectError.ts';
import { awayFrom, betterThan, type Interface, type Path, pathsOf, routesOf } from './network/path.ts';
import { noPathError, PathError } from './network/pathError.ts';
import { firstOf } from './network/race.ts';
import { Resolver } from './network/resolver.ts';
import { explained } from './network/service.ts';
import { openTransport, type Transport } from './network/transport.ts';
import { Session, type SessionOptions } from './session.ts';

/** How to reach the broker and authenticate to it. */
export interface BrokerAccess {
  readonly host: string;
  /** If undefined, 8883 is tried first and then 443 with ALPN. */
  readonly port: number | undefined;
  /** The network interfaces to use, the preferred one first. If empty, the kernel's routing table chooses. */
  readonly interfaces: readonly Interface[];
  readonly credentials: OwnCredentials;
  /** Limits the search for a path that works, and then each wait for an answer of the broker. */
  readonly timeoutMs: number;
}

/** The knowledge of an earlier run. */
export interface KnownBroker {
  /** The broker that was known; null if it is not recorded. */
  readonly host: string | null;
  readonly port: number | null;
  readonly addresses: readonly string[];
}

export const NOTHING_KNOWN: KnownBroker = { host: null, port: null, addresses: [] };

/** Returns the knowledge of an earlier run as far as it is about this broker: the configuration may have changed since. */
export function knownOf(host: string, known: KnownBroker): KnownBroker {
  return known.host === null || known.host === host ? { ...known, host } : { ...NOTHING_KNOWN, host };
}

/** Which paths to try: all, all with a dead one last, or only those over an interface that is preferred to the present one. */
export type Search = { readonly kind: 'all' } | { readonly kind: 'away' | 'better'; readonly from: Path };

/** A path starts this much later than the one before it, about the time of a TLS handshake over a slow mobile network. */
const NEXT_PATH_MS = 1_000;

/** The same for another interface, which may be expensive. */
const NEXT_INTERFACE_MS = 3_000;

export class Dialer {
  readonly #access: Pick<BrokerAccess, 'host' | 'port' | 'interfaces'>;
  readonly #resolver: Resolver;
  /** The protocol level: 4 means MQTT 3.1.1. */
  version: 4 | 5 = 5;
  /** The port of the last successful connection; null before the first. */
  #lastGoodPort: number | null;
  #avoided: Path | undefined;

  constructor(access: Pick<BrokerAccess, 'host' | 'port' | 'interfaces'>, known: KnownBroker) {
    this.#access = access;
    const { port, addresses } = knownOf(access.host, known);
    this.#resolver = new Resolver(access.host, addresses);
    this.#lastGoodPort = port;
  }

  /** The knowledge to keep for the next run. */
  get known(): KnownBroker {
    return { host: this.#access.host, port: this.#lastGoodPort, addresses: this.#resolver.known };
  }

  /** Why the last addresses are not from the name servers; undefined if they are. */
  get nameFault(): ConnectError | undefined {
    return this.#resolver.fault;
  }

  /** Asks the name servers again. */
  async askNames(): Promise<void> {
    await this.#resolver.ask().catch(() => {});
  }

  /** The host and the port that is tried first. */
  get endpoint(): string {
    return `${this.#access.host}:${routesOf(this.#access.port, this.#lastGoodPort)[0]?.port}`;
  }

  recordSuccess({ port }: Path): void {
    this.#lastGoodPort = port;
    this.#avoided = undefined;
  }

  /** Records that MQTT failed on a secured path: others come first in the next search. */
  recordFailure(path: Path): void {
    this.#avoided = path;
  }

  /** Switches to MQTT 3.1.1 for the rest of this run if the broker refused version 5. @returns whether it switched. */
  fallBack(reason: string | number | undefined): boolean {
    if (this.version === 4 || !refusesVersion(reason)) return false;
    this.version = 4;
    return true;
  }

  /** @throws ConnectError that names each path that was tried; ABORTED if the signal is aborted */
  async open(search: Search, credentials: OwnCredentials, timeoutMs: number, signal: AbortSignal): Promise<Transport> {
    const { host, port, interfaces } = this.#access;
    // The name servers are often behind the path that seems dead.
    const addresses = await unlessStopped(this.#resolver.addresses(timeoutMs, search.kind === 'away'), signal);
    const all = pathsOf(interfaces, addresses, routesOf(port, this.#lastGoodPort));
    const lanes = this.#lanes(search, all);
    const overall = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const discard = ({ socket }: Transport) => socket.destroy();
    const failures: PathError[] = [];
    const attempt = (path: Path) => async (stop: AbortSignal) => {
      try {
        return await openTransport(path, host, credentials, stop);
      } catch (error) {
        if (error instanceof PathError) failures.push(error);
        throw error;
      }
    };
    const race = (lane: readonly Path[]) => (stop: AbortSignal) => firstOf(lane.map(attempt), NEXT_PATH_MS, stop, discard);
    try {
      // A dead path costs time already, so the next one does not wait.
      const delayMs = search.kind === 'all' ? NEXT_INTERFACE_MS : NEXT_PATH_MS;
      return { ...(await firstOf(lanes.map(race), delayMs, overall, discard)), failures: [...failures] };
    } catch (error) {
      if (isStopped(signal)) throw new ConnectError('stopped', 'ABORTED');
      const failures = await explained(flat(error), signal);
      if (isStopped(signal)) throw new ConnectError('stopped', 'ABORTED');
      throw noPathError(host, failures, this.#resolver.fault?.message);
    }
  }

  #lanes(search: Search, all: Path[][]): Path[][] {
    if (search.kind === 'better') return betterThan(all, search.from);
    const from = search.kind === 'away' ? search.from : this.#avoided;
    return from ? awayFrom(all, from) : all;
  }
}

function flat(error: unknown): PathError[] {
  if (error instanceof AggregateError) return error.errors.flatMap(flat);
  return error instanceof PathError ? [error] : [];
}

export interface DialOptions extends BrokerAccess, Pick<SessionOptions, 'clientId' | 'onMessage'> {
  readonly known?: KnownBroker;
}

const KEEPALIVE_MS = 30_000;

/** Connects once. @throws ConnectError */
export async function dial(options: DialOptions, signal: AbortSignal): Promise<Session> {
  const { credentials, timeoutMs } = options;
  const dialer = new Dialer(options, options.known ?? NOTHING_KNOWN);
  const connect = () =>
    Session.connect(
      {
        ...options,
        open: (stop) => dialer.open({ kind: 'all' }, credentials, timeoutMs, stop),
        keepaliveMs: KEEPALIVE_MS,
        answerTimeoutMs: timeoutMs,
        version: dialer.version,
        will: undefined,
      },
      signal,
    );
  try {
    return await connect();
  } catch (error) {
    if (!(error instanceof ConnectError) || !dialer.fallBack(error.reason)) throw error;
    return connect();
  }
}
