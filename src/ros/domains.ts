// Finds the ROS domains that programs on this machine use. RTPS derives the UDP ports of a program from its domain (RTPS 2.5, 9.6.2.3), and
// Linux lists all bound ports, so no packet has to be sent.
import { readFileSync } from 'node:fs';
import { MAX_DOMAIN_ID } from './names.ts';

/** The parameters of the port formula. */
const BASE = 7_400;
const PER_DOMAIN = 250;
const UNICAST = 10;
/** Each program has a port for discovery and a port for samples. */
const PER_PROGRAM = 2;

const TABLES = ['/proc/net/udp', '/proc/net/udp6'];

/** @returns how many programs use each domain, with this process if it runs a node. Empty on a system without /proc. */
export function domainsInUse(): Map<number, number> {
  return domainsOf(TABLES.flatMap(readTable));
}

/** @param ports UDP ports that are bound. Other programs may use one of these ports, so the result is a clue and no proof. */
export function domainsOf(ports: readonly number[]): Map<number, number> {
  const bound = new Set(ports);
  const programs = new Map<number, number>();
  for (let domain = 0; domain <= MAX_DOMAIN_ID; domain++) {
    const first = BASE + PER_DOMAIN * domain;
    let count = 0;
    for (let port = first + UNICAST; port + 1 < first + PER_DOMAIN; port += PER_PROGRAM) {
      if (bound.has(port) && bound.has(port + 1)) count += 1;
    }
    // A middleware with other unicast ports still listens on the domain's multicast port.
    if (count > 0 || bound.has(first)) programs.set(domain, Math.max(count, 1));
  }
  return programs;
}

/** A line is like `12: 0100007F:1CF2 00000000:0000 07 ...`: number, local address and port, remote address and port. */
function readTable(file: string): number[] {
  try {
    return [...readFileSync(file, 'utf8').matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /gm)].map(([, port]) =>
      Number.parseInt(String(port), 16),
    );
  } catch {
    return [];
  }
}
