// Lists the addresses of this machine's interfaces.
import { networkInterfaces } from 'node:os';

interface OwnAddress {
  /** The interface's name. */
  readonly name: string;
  readonly address: string;
  /** Whether the interface is the loopback. */
  readonly internal: boolean;
}

/**
 * Returns the addresses that reach other networks, and those of the loopback. The kernel lists no address of an interface without carrier.
 * The list is empty if the kernel does not give it, as in a sandbox without netlink sockets.
 */
export function ownAddresses(read: typeof networkInterfaces = networkInterfaces): OwnAddress[] {
  try {
    return Object.entries(read()).flatMap(([name, entries = []]) =>
      entries.filter(({ address }) => !isLinkLocal(address)).map(({ address, internal }) => ({ name, address, internal })),
    );
  } catch {
    return [];
  }
}

/** Whether the address is from 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291). */
function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}
