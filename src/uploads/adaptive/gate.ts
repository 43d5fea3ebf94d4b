// Passes the bytes of a connection to the kernel in pieces, each when the pace allows it and no alert is in flight. The gate replaces the
// socket's `_write` and `_writev`, which Node documents for implementers of streams, so the stream still handles order, back-pressure and
// errors. Over TLS, each piece is one record.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { wait } from '../../base/index.ts';
import type { UploadLink } from '../pacing.ts';
import type { Pace } from './pace.ts';

export interface Gate extends Pick<UploadLink, 'yields'> {
  readonly pace: Pace;
  /** Resolves when the connection is open. */
  readonly up: Promise<unknown>;
  /** Fires when the request ended. The gate drops the remaining bytes. */
  readonly signal: AbortSignal;
}

type Done = (error?: Error | null) => void;

const GATES = new WeakMap<Socket, Gate>();

/** Directs later writes of the socket through this gate, which replaces an earlier one. */
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

/** @returns null if the kernel has all bytes, otherwise the error. */
async function pass(socket: Socket, write: Socket['_write'], bytes: Buffer, gate: Gate): Promise<Error | null> {
  await gate.up;
  for (let rest = bytes; rest.length > 0; ) {
    const allowed = await allowedBy(socket, gate);
    if (allowed === 0) return new Error('the connection ended before all bytes were sent');
    const piece = rest.subarray(0, allowed);
    const error = await new Promise<Error | null | undefined>((resolve) => write(piece, 'buffer' as BufferEncoding, resolve));
    if (error) return error;
    // The kernel's table counts these bytes from now on.
    gate.pace.recordSent(piece.length, performance.now());
    rest = rest.subarray(piece.length);
  }
  return null;
}

/** Waits until bytes may be sent. @returns their number; 0 after the end of the request. */
async function allowedBy(socket: Socket, { pace, yields, signal }: Gate): Promise<number> {
  while (!socket.destroyed && !signal.aborted) {
    // On a fast link the first bytes wait neither for the kernel's table nor for an alert, which has only one or two messages.
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
 * The read is asynchronous, because the table takes milliseconds if the kernel allows many connections.
 * @returns bytes that the kernel has and the server has not acknowledged, which may be megabytes on a slow link; undefined if the number
 * is unknown.
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

/** @param table the text of /proc/net/tcp: number, local address, remote address, state, tx_queue:rx_queue, in hexadecimal. */
export function queuedOf(table: string, localPort: number, remotePort: number): number | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const found = new RegExp(`:${hex(localPort)} [0-9A-F]+:${hex(remotePort)} [0-9A-F]{2} ([0-9A-F]{8}):`).exec(table)?.[1];
  return found === undefined ? undefined : Number.parseInt(found, 16);
}
