// Classifies network addresses, so that a cloud in wrong hands cannot make the robot send requests into the home's network.
import { promises as dns, type LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/** `special`: no host on the internet has such an address, for example 0.0.0.0 or a multicast group. */
export type Zone = 'public' | 'private' | 'link-local' | 'loopback' | 'special';

const NETWORKS: readonly (readonly [Exclude<Zone, 'public'>, readonly (readonly [network: string, bits: number])[]])[] = [
  [
    'loopback',
    [
      ['127.0.0.0', 8],
      ['::1', 128],
    ],
  ],
  [
    'link-local',
    [
      ['169.254.0.0', 16],
      ['fe80::', 10],
    ],
  ],
  [
    'private',
    [
      ['10.0.0.0', 8],
      ['172.16.0.0', 12],
      ['192.168.0.0', 16],
      // Shared by the customers of a provider, and by overlay networks.
      ['100.64.0.0', 10],
      ['fc00::', 7],
      ['fec0::', 10],
    ],
  ],
  [
    'special',
    [
      ['0.0.0.0', 8],
      ['192.0.0.0', 24],
      ['198.18.0.0', 15],
      ['224.0.0.0', 3],
      // Tunnels that contain an IPv4 address.
      ['2001::', 32],
      ['2002::', 16],
    ],
  ],
];

/** On a mobile network without IPv4, DNS64 writes an IPv4 address into the last 32 bits of this network (RFC 6052). */
const NAT64 = '64:ff9b::';
const NAT64_BITS = 96;

const GLOBAL = blockListOf([
  ['2000::', 3],
  [NAT64, NAT64_BITS],
]);

const ZONES = NETWORKS.map(([zone, networks]) => [zone, blockListOf(networks)] as const);

function blockListOf(networks: readonly (readonly [network: string, bits: number])[]): BlockList {
  const list = new BlockList();
  for (const [network, bits] of networks) {
    if (isIP(network) === 6) list.addSubnet(network, bits, 'ipv6');
    else {
      // These rules also find IPv4 addresses in the form ::ffff:a.b.c.d.
      list.addSubnet(network, bits, 'ipv4');
      list.addSubnet(`${NAT64}${network}`, NAT64_BITS + bits, 'ipv6');
    }
  }
  return list;
}

const MAPPED = /^::ffff:/i;

export function zoneOf(address: string): Zone {
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  const found = ZONES.find(([, list]) => list.check(address, family))?.[0];
  if (found) return found;
  return family === 'ipv4' || MAPPED.test(address) || GLOBAL.check(address, 'ipv6') ? 'public' : 'special';
}

/** Returns why the robot refuses to connect to an address; undefined if it may. */
export type Refusal = (address: string) => string | undefined;

/** Allows a request without encryption only on this machine. */
export const plainRefusal: Refusal = (address) => (zoneOf(address) === 'loopback' ? undefined : `${address} without https`);

/**
 * A resolver for axios that returns only addresses to which the robot may connect. The connection uses exactly these, so that a second
 * answer of the name server cannot replace them.
 */
export function lookupWith(refusal: Refusal): (hostname: string, options: object) => Promise<[LookupAddress[]]> {
  return async (hostname, options) => {
    const found = await dns.lookup(hostname, { ...options, all: true });
    const allowed = found.filter(({ address }) => refusal(address) === undefined);
    if (allowed.length === 0) throw new Error(refusal(found[0]?.address ?? ''));
    return [allowed];
  };
}
