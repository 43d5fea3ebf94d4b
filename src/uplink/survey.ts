// Tries the paths to the broker that the agent tries next, for the doctor. Unlike the agent, it tries all addresses of a port, and it sends
// no CONNECT.
import { codeOf, messageOf } from '../base/index.ts';
import type { ConnectError } from './connectError.ts';
import { type BrokerAccess, type KnownBroker, knownOf } from './dialer.ts';
import { type Handshake, inspect, type OwnSide } from './network/inspection.ts';
import { type Path, pathsOf, routesOf } from './network/path.ts';
import { mostTelling, PathError } from './network/pathError.ts';
import { Resolver } from './network/resolver.ts';
import { explained } from './network/service.ts';
import { openTcp } from './network/transport.ts';

/** A path that was tried. */
export interface Tried {
  readonly path: Path;
  /** How long the TCP connection took, in milliseconds; undefined without one. */
  readonly openMs: number | undefined;
  /** Undefined without a TCP connection. */
  readonly handshake: Handshake | undefined;
  /** Why the path does not work; undefined if it works. */
  readonly failure: PathError | undefined;
}

export interface Survey {
  readonly addresses: readonly string[];
  /** Why the name servers gave no address. The addresses are then those that the agent knew last, if any. */
  readonly nameFault: ConnectError | undefined;
  readonly tried: readonly Tried[];
  /** A path that works, or else the one whose failure shows the cause best. Undefined if there is no address. */
  readonly shown: Tried | undefined;
}

export interface SurveyOptions extends Pick<BrokerAccess, 'host' | 'port' | 'interfaces'> {
  readonly own: OwnSide;
  readonly known: KnownBroker;
}

const NAME_MS = 8_000;
const OPEN_MS = 5_000;

/** Never rejects. */
export async function survey(options: SurveyOptions): Promise<Survey> {
  const { host, port, interfaces } = options;
  const known = knownOf(host, options.known);
  const resolver = new Resolver(host, known.addresses);
  const addresses = await resolver.addresses(NAME_MS, false).catch(() => []);
  const lanes = pathsOf(interfaces, addresses, routesOf(port, known.port));
  const tried = (await Promise.all(lanes.map((lane) => tryLane(lane, options)))).flat();
  return { addresses, nameFault: resolver.fault, tried, shown: shownOf(tried, host) };
}

/** Tries all addresses of a port, and the next port only if none of them works, because the agent does not come to it otherwise. */
async function tryLane(lane: readonly Path[], options: SurveyOptions): Promise<Tried[]> {
  const all: Tried[] = [];
  for (const port of new Set(lane.map((path) => path.port))) {
    const paths = lane.filter((path) => path.port === port);
    const tried = await Promise.all(paths.map((path) => tryPath(path, options)));
    all.push(...tried);
    if (tried.some(({ failure }) => !failure)) break;
  }
  return all;
}

async function tryPath(path: Path, { host, own }: SurveyOptions): Promise<Tried> {
  const startedMs = performance.now();
  try {
    const tcp = await openTcp(path, AbortSignal.timeout(OPEN_MS));
    const openMs = Math.round(performance.now() - startedMs);
    const handshake = await inspect(tcp, path, host, own);
    const found = handshake.fault ?? handshake.refusal;
    const [failure] = await explained(found ? [found] : [], AbortSignal.timeout(OPEN_MS));
    return { path, openMs, handshake, failure };
  } catch (error) {
    const failure = error instanceof PathError ? error : new PathError(path, messageOf(error), codeOf(error));
    return { path, openMs: undefined, handshake: undefined, failure };
  }
}

function shownOf(tried: readonly Tried[], host: string): Tried | undefined {
  const telling = mostTelling(
    tried.flatMap(({ failure }) => failure ?? []),
    host,
  );
  return tried.find(({ failure }) => !failure) ?? tried.find(({ failure }) => failure === telling);
}
