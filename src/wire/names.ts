// Defines the names and limits that several messages of the protocol use.
import * as z from 'zod';

/** Largest MQTT message of either side: below the 128 KiB payload limit of AWS IoT Core, with space for the topic. */
export const MAX_MESSAGE_BYTES = 100 * 1024;

/** Largest backlog payload after decompression. A receiver refuses larger payloads. */
export const MAX_INFLATED_BYTES = 2 * 1024 * 1024;

/** IoT Core meters messages in steps of 5 KiB (aws.amazon.com/iot-core/pricing/additional-details). */
export const METERING_STEP_BYTES = 5 * 1024;

/** The keys of the telemetry envelope. No channel may have such a name, because a message contains the latest values beside these keys. */
export const ENVELOPE_KEYS = ['thing', 'outbox', 'accepted', 'mark', 'kind', 'sent_at', 'state_seq', 'readings', 'seq', 'at'] as const;

/** The thing name, which is also the MQTT client id: at most 128 bytes without `+`, `#`, `/` and `$`, which MQTT and IoT Core reserve. */
export const thingName = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'expected 1 to 128 of A-Z a-z 0-9 _ . : -');

export const channelName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected a-z, 0-9 and _, starting with a letter, at most 40 characters')
  .refine((name) => !(ENVELOPE_KEYS as readonly string[]).includes(name), 'this name is a key of the message itself');

export const outboxId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** Milliseconds since 1970 UTC. */
export const wallTime = z.number().int();

/** A row's number within its outbox, from 1. */
export const sequence = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/** Inclusive range of sequence numbers, `[first, last]`. */
export const range = z.tuple([sequence, sequence]).refine(([first, last]) => first <= last, 'the first number is greater than the last');
export type Range = [first: number, last: number];

/** The robot's monotonic time at publishing: `[boot number, milliseconds since that start]`. */
export const mark = z.tuple([z.number().int().min(0), z.number().int().min(0)]);
export type Mark = [boot: number, ms: number];

/** Compares the boots first. @returns a negative number if `a` is before `b`, 0 if they are equal, else a positive number. */
export function compareMarks(a: Mark, b: Mark): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** The first fields of every message that contains rows. */
export const envelope = {
  thing: thingName,
  outbox: outboxId,
  accepted: z.number().int().min(0),
  mark,
};
