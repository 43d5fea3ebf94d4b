// What agent and guard say to each other over a Unix socket: one JSON object a line. A connection that ends says that one of
// them is gone. All times are lengths, measured by each side's own monotonic clock.
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';

/** Linux allows 107 bytes in a socket's path. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** How often the agent says that it lives, while a motion is under way. */
export const BEAT_EVERY_MS = 50;

/** An agent not heard from for longer has stalled; an SD card's fsync seldom takes so long. */
export const BEAT_WITHIN_MS = 400;

/** The agent ends a motion itself; only when it is this late does the guard. */
export const GRACE_MS = 50;

export function guardSocket(stateDir: string): string {
  return join(stateDir, 'guard.sock');
}

export const fromAgent = z.union([
  /** Watch over a motion of so many milliseconds on these topics; an earlier one is replaced. */
  z.object({ arm: z.int(), for_ms: z.int().min(1), topics: z.array(z.string()) }),
  z.object({ beat: z.literal(true) }),
  /** The motion is over; without meaning where a later one was armed. */
  z.object({ disarm: z.int() }),
  /** Publish the stop now. */
  z.object({ trip: z.literal(true) }),
]);
export type FromAgent = z.infer<typeof fromAgent>;

export const fromGuard = z.union([
  z.object({ armed: z.int() }),
  z.object({ refused: z.int(), why: z.string() }),
  z.object({ tripped: z.string() }),
]);
export type FromGuard = z.infer<typeof fromGuard>;

/** Gives each line's object, and nothing for what is none of ours. A broken connection is told by `close`, and is no error. */
export function onMessages<T>(socket: Socket, schema: z.ZodType<T>, take: (message: T) => void): void {
  socket.on('error', () => {});
  // It emits the socket's errors too, and one that nobody listens to ends the process.
  const lines = createInterface(socket).on('error', () => {});
  lines.on('line', (line) => {
    const message = schema.safeParse(parse(line));
    if (message.success) take(message.data);
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

export function writeLine(message: FromAgent | FromGuard): string {
  return `${JSON.stringify(message)}\n`;
}
