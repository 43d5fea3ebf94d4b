// Defines the protocol between agent and guard on a Unix socket: one JSON object per line. A closed connection means that the other process
// has ended. All times are durations, which each process measures by its monotonic clock.
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { parseJson } from '../../base/index.ts';

/** Interval of the agent's pings during a motion. */
export const PING_EVERY_MS = 50;

export function guardSocket(stateDir: string): string {
  return join(stateDir, 'guard.sock');
}

export const fromAgent = z.union([
  /** Requests the supervision of a motion of `for_ms` milliseconds on these topics. It replaces an earlier motion. */
  z.object({ arm: z.int(), for_ms: z.int().min(1), topics: z.array(z.string()) }),
  z.object({ ping: z.literal(true) }),
  /** Reports the end of the motion. The guard ignores this message if a later motion was armed. */
  z.object({ disarm: z.int() }),
  /** Requests the stop now. */
  z.object({ trip: z.literal(true) }),
]);
export type FromAgent = z.infer<typeof fromAgent>;

export const fromGuard = z.union([
  z.object({ armed: z.int() }),
  z.object({ refused: z.int(), why: z.string() }),
  z.object({ tripped: z.string() }),
]);
export type FromGuard = z.infer<typeof fromGuard>;

/** Passes each valid message to `receive` and ignores other lines. A broken connection is not an error: the socket emits `close`. */
export function onMessages<T>(socket: Socket, schema: z.ZodType<T>, receive: (message: T) => void): void {
  socket.on('error', () => {});
  // readline emits the socket's errors again; without a listener they would end the process.
  const lines = createInterface(socket).on('error', () => {});
  lines.on('line', (line) => {
    const message = schema.safeParse(parseJson(line));
    if (message.success) receive(message.data);
  });
}

export function writeLine(message: FromAgent | FromGuard): string {
  return `${JSON.stringify(message)}\n`;
}
