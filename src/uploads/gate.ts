// All that is written to a connection, the head of a request as well as its body, goes to the kernel piece by piece, each when the pace
// allows and nothing more urgent is on its way. It takes the place of the socket's own `_write` and `_writev`, which Node documents for
// who makes a stream: order, back pressure, `finish` and errors stay the stream's. Over TLS each piece is a record of its own.
import type { Socket } from 'node:net';
import { wait } from '../base/index.ts';
import type { Pace } from './pace.ts';
import { unsentOf } from './unsent.ts';

export interface Gate {
  readonly pace: Pace;
  /** While it says so, nothing more is given to the link: something more urgent is on its way. */
  readonly yields: () => boolean;
  /** Resolves when something can be sent. */
  readonly up: Promise<unknown>;
  /** It is over: what still waits is dropped. */
  readonly signal: AbortSignal;
}

type Done = (error?: Error | null) => void;

const GATES = new WeakMap<Socket, Gate>();

/** What is written to the socket from now on goes through this gate, in place of the one before. */
export function setGate(socket: Socket, gate: Gate): void {
  const hasOne = GATES.has(socket);
  GATES.set(socket, gate);
  if (hasOne) return;
  const write = socket._write.bind(socket);
  const pass = (bytes: Buffer, done: Done) => void passed(socket, write, bytes, GATES.get(socket) ?? gate).then(done);
  socket._write = (chunk: string | Buffer, encoding: BufferEncoding, done) => pass(bufferOf(chunk, encoding), done);
  socket._writev = (chunks: readonly { chunk: string | Buffer; encoding: BufferEncoding }[], done) =>
    pass(Buffer.concat(chunks.map(({ chunk, encoding }) => bufferOf(chunk, encoding))), done);
}

function bufferOf(chunk: string | Buffer, encoding: BufferEncoding): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/** @returns what went wrong. */
async function passed(socket: Socket, write: Socket['_write'], bytes: Buffer, gate: Gate): Promise<Error | null> {
  await gate.up;
  for (let rest = bytes; rest.length > 0; ) {
    const allowed = await allowedBy(socket, gate);
    if (allowed === 0) return new Error('the connection ended before all was sent');
    const piece = rest.subarray(0, allowed);
    const error = await new Promise<Error | null | undefined>((resolve) => write(piece, 'buffer' as BufferEncoding, resolve));
    if (error) return error;
    // The kernel has it: what is on its way counts it from now on.
    gate.pace.gave(piece.length, performance.now());
    rest = rest.subarray(piece.length);
  }
  return null;
}

/** @returns bytes that may be given now; 0 once it is over. */
async function allowedBy(socket: Socket, { pace, yields, signal }: Gate): Promise<number> {
  while (!socket.destroyed && !signal.aborted) {
    // On a quick link nobody has to wait until it was looked at, or behind an alert that is a message or two.
    const begun = pace.isBeginning && !pace.isNarrow ? pace.allows(performance.now(), pace.onItsWay) : 0;
    if (begun > 0) return begun;
    const onItsWay = await unsentOf(socket);
    const allowed = pace.allows(performance.now(), onItsWay);
    if (allowed > 0 && !yields()) return allowed;
    await wait(pace.lookAgainMs(performance.now()), signal);
  }
  return 0;
}
