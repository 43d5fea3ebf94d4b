// Defines the messages that contain readings: `<p>/telemetry` (live values and alerts) and `<p>/backlog` (rows that had to wait for a
// connection).
import * as z from 'zod';
import { channelName, envelope, sequence, wallTime } from './names.ts';

export const readingValue = z.union([z.boolean(), z.number(), z.string(), z.null()]);
export type ReadingValue = z.infer<typeof readingValue>;

/** How often an alert was raised again and cleared, in `ms` milliseconds, since the row that raised it. */
export const flapping = z.object({ raised: z.number().int().min(0), cleared: z.number().int().min(0), ms: z.number().int().min(0) });
export type Flapping = z.infer<typeof flapping>;

/** The optional fifth element of a reading. The robot omits it if it would be empty. */
export const readingExtra = z.object({
  alert: z.enum(['raised', 'cleared']).optional(),
  incident: z.string().min(1).max(64).optional(),
  /** How often the event of a cleared alert happened while the alert stood. Only for channels that report events. */
  occurrences: z.number().int().min(1).optional(),
  /** The channel flaps, so that the alert stays raised. Further rows with `raised` and the same incident are summaries. */
  flapping: flapping.optional(),
  bad: z.enum(['nan', 'range', 'type']).optional(),
  clock: z.literal('untrusted').optional(),
  /** The robot could not write this alert to its disk, so it existed only in memory until the cloud had it. */
  volatile: z.literal(true).optional(),
  /** The ROS message's header stamp, in milliseconds since the Unix epoch. */
  stamp: z.number().optional(),
});
export type ReadingExtra = z.infer<typeof readingExtra>;

/** `[seq, at, channel, value]` or `[seq, at, channel, value, extra]`. */
export const reading = z
  .tuple([sequence, wallTime, channelName, readingValue])
  .or(z.tuple([sequence, wallTime, channelName, readingValue, readingExtra]));
export type Reading = z.infer<typeof reading>;

export const telemetryKind = z.enum(['telemetry', 'alert', 'backlog']);

/** Besides these keys, a live message contains the latest value of every channel, with the channel's name as the key. */
export const telemetry = z
  .object({
    ...envelope,
    kind: telemetryKind,
    sent_at: wallTime,
    state_seq: z.number().int().min(0).optional(),
    readings: z.array(reading),
  })
  .catchall(z.unknown());
export type Telemetry = z.infer<typeof telemetry>;

/** Returns the latest values in a telemetry message: all entries whose key is a valid channel name and whose value is a reading value. */
export function flatState(message: Record<string, unknown>): Record<string, ReadingValue> {
  const state: Record<string, ReadingValue> = {};
  for (const [key, value] of Object.entries(message)) {
    if (channelName.safeParse(key).success && readingValue.safeParse(value).success) state[key] = value as ReadingValue;
  }
  return state;
}
