// Everything that is written to a connection, the head of a request and its body, goes to the kernel piece by piece, each when the pace
// allows and no alert is in flight. The gate replaces the socket's `_write` and `_writev`, which Node documents for implementers of streams:
// order, back-pressure, `finish` and errors remain the stream's. Over TLS each piece is a record of its own.
import type { Socket } from 'node:net';
import { wait } from '../../base/index.ts';
import type { UploadLink } from '../pacing.ts';
import type { Pace } from './pace.ts';
import { unsentOf } from './unsent.ts';

export interface Gate extends Pick<UploadLink, 'yields'> {
  readonly pace: Pace;
  /** Resolves when bytes can be sent. */
  readonly up: Promise<unknown>;
  /** The request is over: bytes that still wait are dropped. */
  readonly signal: AbortSignal;
}

type Done = (error?: Error | null) => void;

const GATES = new WeakMap<Socket, Gate>();

/** From now on, writes to the socket go through this gate; it replaces an earlier gate of the socket. */
export function setGate(socket: Socket, gate: Gate): void {
  const hasGate = GATES.has(socket);
  GATES.set(socket, gate);
  if (hasGate) return;
  const write = socket._write.bind(socket);
  const pass = (bytes: Buffer, done: Done) => void passed(socket, write, bytes, GATES.get(socket) ?? gate).then(done);
  socket._write = (chunk: string | Buffer, encoding: BufferEncoding, done) => pass(bufferOf(chunk, encoding), done);
  socket._writev = (chunks: readonly { chunk: string | Buffer; encoding: BufferEncoding }[], done) =>
    pass(Buffer.concat(chunks.map(({ chunk, encoding }) => bufferOf(chunk, encoding))), done);
}

function bufferOf(chunk: string | Buffer, encoding: BufferEncoding): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/** @returns the error; null if all bytes were given. */
async function passed(socket: Socket, write: Socket['_write'], bytes: Buffer, gate: Gate): Promise<Error | null> {
  await gate.up;
  for (let rest = bytes; rest.length > 0; ) {
    const allowed = await allowedBy(socket, gate);
    if (allowed === 0) return new Error('the connection ended before all was sent');
    const piece = rest.subarray(0, allowed);
    const error = await new Promise<Error | null | undefined>((resolve) => write(piece, 'buffer' as BufferEncoding, resolve));
    if (error) return error;
    // The kernel has the piece, so its table counts these bytes from now on.
    gate.pace.gave(piece.length, performance.now());
    rest = rest.subarray(piece.length);
  }
  return null;
}

/** @returns the bytes that may be given now; 0 once the request is over. */
async function allowedBy(socket: Socket, { pace, yields, signal }: Gate): Promise<number> {
  while (!socket.destroyed && !signal.aborted) {
    // On a fast link the first bytes wait neither for the kernel's table nor for an alert, which is a message or two.
    const begun = pace.isBeginning && !pace.isNarrow ? pace.allows(performance.now(), pace.inFlight) : 0;
    if (begun > 0) return begun;
    const inFlight = await unsentOf(socket);
    const allowed = pace.allows(performance.now(), inFlight);
    if (allowed > 0 && !yields()) return allowed;
    await wait(pace.lookAgainMs(performance.now()), signal);
  }
  return 0;
}
