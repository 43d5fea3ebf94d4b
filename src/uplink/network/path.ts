// Lists the ways to the broker, in the order in which they are tried. A way is a network interface, an address of the broker and a port. If
// a firewall blocks port 8883, port 443 with ALPN often works, because it is also used for HTTPS (AWS IoT Core, Protocols page). Pure.
import { isIPv6 } from 'node:net';

export interface Route {
  readonly port: number;
  /** ALPN protocol for the TLS handshake, which IoT Core needs on port 443 because it serves several protocols there. */
  readonly alpn: string | undefined;
  /** Whether nothing shows yet that the broker uses this port, so that another server may answer there. */
  readonly isGuess?: true;
}

/** A network interface that leads to the broker. */
export interface Interface {
  readonly name: string;
  /** Whether its traffic is expensive. It then carries only urgent messages. */
  readonly isMetered: boolean;
}

export interface Path extends Route {
  /** Undefined if the kernel's routing table chooses the interface. */
  readonly interface: Interface | undefined;
  /** An IP address. */
  readonly address: string;
}

const MQTTS: Route = { port: 8883, alpn: undefined };
const HTTPS: Route = { port: 443, alpn: 'x-amzn-mqtt-ca' };

/** IoT Core's name has eight addresses; two of each family suffice, because the others lead over the same network. */
const ADDRESSES_PER_FAMILY = 2;

/**
 * Returns the routes to try, in order.
 * @param port the configured port; if undefined, 8883 and 443. @param lastGoodPort is tried first.
 */
export function routesOf(port: number | undefined, lastGoodPort: number | null = null): readonly Route[] {
  if (port !== undefined) return [{ port, alpn: port === HTTPS.port ? HTTPS.alpn : undefined }];
  return lastGoodPort === HTTPS.port ? [HTTPS, MQTTS] : [MQTTS, { ...HTTPS, isGuess: true }];
}

/**
 * Returns the paths over each interface, those of the preferred interface first. Over one interface, all addresses of the first port come
 * first, and the address families take turns, because one of them may be dead.
 * @param addresses in the order of the resolver.
 */
export function pathsOf(interfaces: readonly Interface[], addresses: readonly string[], routes: readonly Route[]): Path[][] {
  const ordered = alternated(addresses);
  const over = (through: Interface | undefined) =>
    routes.flatMap((route) => ordered.map((address) => ({ ...route, address, interface: through })));
  return interfaces.length === 0 ? [over(undefined)] : interfaces.map(over);
}

/** Returns the paths in an order for which `dead` does not work: other interfaces, then the other address family, then other ports. */
export function awayFrom(paths: readonly Path[][], dead: Path): Path[][] {
  const isDead = (lane: readonly Path[]) => lane[0]?.interface?.name === dead.interface?.name;
  const unlike = (path: Path) =>
    Number(isIPv6(path.address) === isIPv6(dead.address)) + Number(path.port === dead.port) + Number(path.address === dead.address);
  const others = paths.filter((lane) => !isDead(lane));
  return [...others, ...paths.filter(isDead).map((lane) => lane.toSorted((a, b) => unlike(a) - unlike(b)))];
}

/** Returns the paths over interfaces that are preferred to that of `current`. */
export function betterThan(paths: readonly Path[][], current: Path): Path[][] {
  return paths.slice(
    0,
    Math.max(
      0,
      paths.findIndex((lane) => lane[0]?.interface?.name === current.interface?.name),
    ),
  );
}

/** Names the address and the port, and the interface if there is a choice: `192.0.2.1:8883 by wlan0`. */
export function nameOf({ address, port, interface: through }: Path): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}${through ? ` by ${through.name}` : ''}`;
}

function alternated(addresses: readonly string[]): string[] {
  const isFirstFamily = (address: string) => isIPv6(address) === isIPv6(addresses[0] ?? '');
  const [first, second] = [addresses.filter(isFirstFamily), addresses.filter((address) => !isFirstFamily(address))];
  return Array.from({ length: ADDRESSES_PER_FAMILY }, (_, i) => [first[i], second[i]])
    .flat()
    .filter((address) => address !== undefined);
}
