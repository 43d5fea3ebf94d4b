// Names and limits that several of the protocol's messages share.
import * as z from 'zod';

/** The largest MQTT message that either side sends. It leaves a margin below AWS IoT Core's limit of 128 KiB. */
export const MAX_MESSAGE_BYTES = 100 * 1024;

/** The largest backlog payload after decompression. Receivers reject larger ones. */
export const MAX_INFLATED_BYTES = 2 * 1024 * 1024;

/** IoT Core meters messages in steps of 5 KiB (aws.amazon.com/iot-core/pricing/additional-details). */
export const METERING_STEP_BYTES = 5 * 1024;

/** Keys that messages use themselves. A channel must not have such a name, because channel names are keys of the same JSON object. */
export const ENVELOPE_KEYS = ['thing', 'outbox', 'accepted', 'mark', 'kind', 'sent_at', 'state_seq', 'readings', 'seq', 'at'] as const;

/** The robot's name at AWS IoT and its MQTT client id. Excludes `+`, `#`, `/` and `$`, which have a special meaning in topics. */
export const thingName = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'expected 1 to 128 of A-Z a-z 0-9 _ . : -');

export const channelName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected a-z, 0-9 and _, starting with a letter, at most 40 characters')
  .refine((name) => !(ENVELOPE_KEYS as readonly string[]).includes(name), 'this name is a key of the message itself');

/** Suffix of the alert channel that reports that a channel is silent, such as `gas_silent`. */
export const SILENT_SUFFIX = '_silent';

/** Suffix of the alert channel that reports that another alert channel's messages are unusable, such as `gas_unusable`. */
export const UNUSABLE_SUFFIX = '_unusable';

/** Whether a name is one of the channels, or reports an alert about the sensor of one of them. */
export function isNameOf(name: string, isChannel: (channel: string) => boolean): boolean {
  const suffix = [SILENT_SUFFIX, UNUSABLE_SUFFIX].find((each) => name.endsWith(each));
  return isChannel(name) || (suffix !== undefined && isChannel(name.slice(0, -suffix.length)));
}

export const outboxId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** A time outside the years 2000 to 2100 is not believed. A robot without a clock sends times near 1970, which a `clock_set` corrects. */
export const MIN_BELIEVED_MS = Date.UTC(2000);
export const MAX_BELIEVED_MS = Date.UTC(2100);

/** A robot counts its starts one by one, so that a larger step of the boot counter is a fault. */
export const MAX_BOOT_STEP = 1_000_000;

/** Milliseconds since the Unix epoch. */
export const wallTime = z.number().int();

/** A row's number within its outbox, starting from 1. */
export const sequence = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/** An inclusive range of row numbers, `[first, last]`. */
export const range = z.tuple([sequence, sequence]).refine(([first, last]) => first <= last, 'the first number is greater than the last');
export type Range = [first: number, last: number];

/** The robot's monotonic time when a message is published: `[boot counter, milliseconds since the agent started]`. */
export const mark = z.tuple([z.number().int().min(0), z.number().int().min(0)]);
export type Mark = [boot: number, ms: number];

/** Orders marks by boot counter and then by time, for use with `sort`. */
export function compareMarks(a: Mark, b: Mark): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** The fields that every message with rows begins with. */
export const envelope = {
  thing: thingName,
  outbox: outboxId,
  accepted: z.number().int().min(0),
  mark,
};
