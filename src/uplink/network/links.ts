// Notices that a link of this machine has come up or is lost: an address or a default route. It polls, because a notification of the kernel
// (netlink) would need native code.
import { readFileSync } from 'node:fs';
import { every, ownAddresses, type Ticker } from '../../base/index.ts';

/** The addresses and default routes of a machine, each as one text. */
export type Links = ReadonlySet<string>;

/** One poll takes 0.4 ms (measured on a busy x86 server with one interface). */
const POLL_EVERY_MS = 2_000;

export interface LinkChange {
  readonly added: readonly string[];
  readonly gone: readonly string[];
}

/** Calls `onChange` each time a link comes up or is lost after `since`, until the ticker is stopped. */
export function watchLinks(read: () => Links, since: Links, onChange: (change: LinkChange) => void): Ticker {
  let known = since;
  return every(POLL_EVERY_MS, () => {
    const present = read();
    const added = [...present].filter((link) => !known.has(link));
    const gone = [...known].filter((link) => !present.has(link));
    known = present;
    if (added.length + gone.length > 0) onChange({ added, gone });
  });
}

/** Reads the machine's present links. */
export function readLinks(): Links {
  const addresses = ownAddresses()
    .filter(({ internal }) => !internal)
    .map(({ name, address }) => `${name} ${address}`);
  return new Set([...addresses, ...defaultRoutes(textOf('/proc/net/route'), textOf('/proc/net/ipv6_route'))]);
}

/** @param v4 content of /proc/net/route. @param v6 content of /proc/net/ipv6_route. The kernel's proc_net(5) describes both. */
export function defaultRoutes(v4: string, v6: string): string[] {
  const rows = (text: string) => text.split('\n').map((line) => line.trim().split(/\s+/));
  const isUp = (flags = '') => (Number.parseInt(flags, 16) & RTF_UP) !== 0 && (Number.parseInt(flags, 16) & RTF_REJECT) === 0;
  const four = rows(v4)
    .filter(([, destination, , flags, , , , mask]) => destination === '00000000' && mask === '00000000' && isUp(flags))
    .map(([name, , gateway]) => `${name} default ${gateway}`);
  const six = rows(v6)
    .filter(([destination, length, , , , , , , flags]) => /^0{32}$/.test(destination ?? '') && length === '00' && isUp(flags))
    .map((row) => `${row[9]} default ${row[4]}`);
  return [...four, ...six];
}

const RTF_UP = 0x1;
/** The kernel's own entry for unreachable destinations. */
const RTF_REJECT = 0x200;

/** Returns the empty string if the file does not exist, as without IPv6. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
