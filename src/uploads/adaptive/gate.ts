// Passes a connection's bytes to the kernel in pieces, each only once the pace allows it and no alert is in flight. The gate overrides the
// socket's `_write` and `_writev`, which Node documents for stream implementers, so that the stream still takes care of ordering,
// back-pressure and errors. Over TLS, each piece becomes one record.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { wait } from '../../base/index.ts';
import type { UploadLink } from '../pacing.ts';
import type { Pace } from './pace.ts';

export interface Gate extends Pick<UploadLink, 'yields'> {
  readonly pace: Pace;
  /** Resolves once the connection is open. */
  readonly up: Promise<unknown>;
  /** Aborted once the request has ended. The gate then drops the remaining bytes. */
  readonly signal: AbortSignal;
}

type Done = (error?: Error | null) => void;

const GATES = new WeakMap<Socket, Gate>();

/** Directs the socket's later writes through this gate, instead of any earlier one. */
export function setGate(socket: Socket, gate: Gate): void {
  const hasGate = GATES.has(socket);
  GATES.set(socket, gate);
  if (hasGate) return;
  const write = socket._write.bind(socket);
  const forward = (bytes: Buffer, done: Done) => void pass(socket, write, bytes, GATES.get(socket) ?? gate).then(done);
  socket._write = (chunk: string | Buffer, encoding: BufferEncoding, done) => forward(bufferOf(chunk, encoding), done);
  socket._writev = (chunks: readonly { chunk: string | Buffer; encoding: BufferEncoding }[], done) =>
    forward(Buffer.concat(chunks.map(({ chunk, encoding }) => bufferOf(chunk, encoding))), done);
}

function bufferOf(chunk: string | Buffer, encoding: BufferEncoding): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/** Passes all bytes to the kernel. @returns the error; null on success. */
async function pass(socket: Socket, write: Socket['_write'], bytes: Buffer, gate: Gate): Promise<Error | null> {
  await gate.up;
  for (let rest = bytes; rest.length > 0; ) {
    const allowed = await allowedBy(socket, gate);
    if (allowed === 0) return new Error('the connection ended before all bytes were sent');
    const piece = rest.subarray(0, allowed);
    const error = await new Promise<Error | null | undefined>((resolve) => write(piece, 'buffer' as BufferEncoding, resolve));
    if (error) return error;
    // The kernel holds these bytes now, so /proc/self/net/tcp counts them from here on.
    gate.pace.recordSent(piece.length, performance.now());
    rest = rest.subarray(piece.length);
  }
  return null;
}

/** Waits until bytes may be sent. @returns how many; 0 if the request has ended. */
async function allowedBy(socket: Socket, { pace, yields, signal }: Gate): Promise<number> {
  while (!socket.destroyed && !signal.aborted) {
    // On a fast link, send the first bytes without reading the kernel's table or pausing for an alert: the delay they cause is negligible.
    const initial = pace.initialBytes(performance.now());
    if (initial > 0) return initial;
    const inFlight = await unsentOf(socket);
    const allowed = pace.allowedBytes(performance.now(), inFlight);
    if (allowed > 0 && !yields()) return allowed;
    await wait(pace.nextCheckMs(performance.now()), signal);
  }
  return 0;
}

const TABLES: Readonly<Record<string, string>> = { IPv4: '/proc/self/net/tcp', IPv6: '/proc/self/net/tcp6' };

/**
 * Returns how many bytes the kernel holds that the server has not acknowledged, which may be megabytes on a slow link; undefined if
 * unknown. Reads asynchronously, because generating the table takes milliseconds if the kernel is configured for many connections.
 */
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

/** Returns the connection's tx_queue. @param table /proc/net/tcp: number, local and remote address, state, tx_queue:rx_queue, in hex. */
export function queuedOf(table: string, localPort: number, remotePort: number): number | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const found = new RegExp(`:${hex(localPort)} [0-9A-F]+:${hex(remotePort)} [0-9A-F]{2} ([0-9A-F]{8}):`).exec(table)?.[1];
  return found === undefined ? undefined : Number.parseInt(found, 16);
}
