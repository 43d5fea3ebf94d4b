// Defines the messages with readings: `<p>/telemetry` (live state and alerts) and `<p>/backlog` (rows that waited for a connection).
import * as z from 'zod';
import { channelName, envelope, sequence, wallTime } from './names.ts';

export const readingValue = z.union([z.boolean(), z.number(), z.string(), z.null()]);
export type ReadingValue = z.infer<typeof readingValue>;

/** The fifth element of a reading. It is present only if it has a field. */
export const readingExtra = z.object({
  alert: z.enum(['raised', 'cleared']).optional(),
  incident: z.string().max(64).optional(),
  bad: z.enum(['nan', 'range', 'type']).optional(),
  clock: z.literal('untrusted').optional(),
  /** The stamp of the ROS header, in milliseconds since 1970. */
  stamp: z.number().optional(),
});
export type ReadingExtra = z.infer<typeof readingExtra>;

/** `[seq, at, channel, value]`, and the extra fields if there are any. */
export const reading = z
  .tuple([sequence, wallTime, channelName, readingValue])
  .or(z.tuple([sequence, wallTime, channelName, readingValue, readingExtra]));
export type Reading = z.infer<typeof reading>;

export const telemetryKind = z.enum(['telemetry', 'alert', 'backlog']);

/** The envelope. The message also contains the latest value of each channel under the channel's name. */
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

/** @returns the latest values in a telemetry message: every key outside the envelope with a plain value. */
export function flatState(message: Record<string, unknown>): Record<string, ReadingValue> {
  const state: Record<string, ReadingValue> = {};
  for (const [key, value] of Object.entries(message)) {
    if (channelName.safeParse(key).success && readingValue.safeParse(value).success) state[key] = value as ReadingValue;
  }
  return state;
}
