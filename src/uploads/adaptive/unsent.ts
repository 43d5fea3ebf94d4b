// Bytes of a connection that the kernel has and the other side has not acknowledged, from Linux's /proc. Node does not know this number, and
// the kernel may be megabytes ahead of a slow link. The table takes milliseconds to read if the kernel allows many connections, so the read
// is asynchronous.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

const TABLES: Readonly<Record<string, string>> = { IPv4: '/proc/self/net/tcp', IPv6: '/proc/self/net/tcp6' };

/** @returns bytes; undefined if the system does not say. */
export async function unsentOf(socket: Socket): Promise<number | undefined> {
  const { localPort, remotePort, localFamily } = socket;
  const file = TABLES[localFamily ?? ''];
  if (file === undefined || localPort === undefined || remotePort === undefined) return undefined;
  try {
    return queuedOf(await readFile(file, 'latin1'), localPort, remotePort);
  } catch {
    return undefined;
  }
}

/** Pure. @param table as in /proc/net/tcp: number, local address, remote address, state, tx_queue:rx_queue, in hexadecimal. */
export function queuedOf(table: string, localPort: number, remotePort: number): number | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const found = new RegExp(`:${hex(localPort)} [0-9A-F]+:${hex(remotePort)} [0-9A-F]{2} ([0-9A-F]{8}):`).exec(table)?.[1];
  return found === undefined ? undefined : Number.parseInt(found, 16);
}
