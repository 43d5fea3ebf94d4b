// Protocol between agent and guard on a Unix socket: one JSON object per line. A closed connection means that the other process is
// gone. All times are durations, measured by each side's monotonic clock.
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { parseJson } from '../../base/index.ts';

/** Linux' limit for the path of a Unix socket, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Interval of the agent's pings during a motion. */
export const PING_EVERY_MS = 50;

/** After this time without a ping the agent counts as stalled. An SD card's fsync rarely takes this long. */
export const PING_WITHIN_MS = 400;

/** The agent ends a motion itself; the guard does so if the agent is this late. */
export const GRACE_MS = 50;

export function guardSocket(stateDir: string): string {
  return join(stateDir, 'guard.sock');
}

export const fromAgent = z.union([
  /** Supervise a motion of `for_ms` milliseconds on these topics; it replaces an earlier one. */
  z.object({ arm: z.int(), for_ms: z.int().min(1), topics: z.array(z.string()) }),
  z.object({ ping: z.literal(true) }),
  /** The motion is over; ignored if a later one was armed. */
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

/** Passes each valid message to `take` and ignores other lines. A broken connection is not an error; the socket emits `close`. */
export function onMessages<T>(socket: Socket, schema: z.ZodType<T>, take: (message: T) => void): void {
  socket.on('error', () => {});
  // readline emits the socket's errors again; without a listener they would end the process.
  const lines = createInterface(socket).on('error', () => {});
  lines.on('line', (line) => {
    const message = schema.safeParse(parseJson(line));
    if (message.success) take(message.data);
  });
}

export function writeLine(message: FromAgent | FromGuard): string {
  return `${JSON.stringify(message)}\n`;
}
