// The protocol between the agent and the guard over a Unix socket: one JSON object per line. If the connection closes, the other process
// has ended. All times are durations, because each process measures them by its own monotonic clock.
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { parseJson } from '../../base/index.ts';

/** How often the agent must ping the guard during a motion. */
export const PING_EVERY_MS = 50;

export function guardSocket(stateDir: string): string {
  return join(stateDir, 'guard.sock');
}

export const fromAgent = z.union([
  /** Requests supervision of a motion of `for_ms` milliseconds on these topics. Replaces any earlier motion. */
  z.object({ arm: z.int(), for_ms: z.int().min(1), topics: z.array(z.string()) }),
  z.object({ ping: z.literal(true) }),
  /** Reports that the motion has ended. The guard ignores this if a later motion has been armed in the meantime. */
  z.object({ disarm: z.int() }),
  /** Asks the guard to publish the stop now. */
  z.object({ trip: z.literal(true) }),
]);
export type FromAgent = z.infer<typeof fromAgent>;

export const fromGuard = z.union([
  z.object({ armed: z.int() }),
  z.object({ refused: z.int(), why: z.string() }),
  z.object({ tripped: z.string() }),
]);
export type FromGuard = z.infer<typeof fromGuard>;

/** Passes each valid message to `receive` and ignores all other lines. If the connection breaks, the socket emits `close` but no error. */
export function onMessages<T>(socket: Socket, schema: z.ZodType<T>, receive: (message: T) => void): void {
  socket.on('error', () => {});
  // readline emits the socket's errors again. Without a listener, they would end the process.
  const lines = createInterface(socket).on('error', () => {});
  lines.on('line', (line) => {
    const message = schema.safeParse(parseJson(line));
    if (message.success) receive(message.data);
  });
}

export function writeLine(message: FromAgent | FromGuard): string {
  return `${JSON.stringify(message)}\n`;
}
