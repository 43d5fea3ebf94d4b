// Decides how fast the samples of a channel are received: alerts at once, telemetry in batches, images rarely. Pure.
import type { ChannelConfig } from '../../config/index.ts';
import type { SubscribeOptions, Wanted } from '../../ros/index.ts';

/** How long telemetry may wait on a busy topic. With this delay, twenty topics at 100 Hz wake the agent only 20 times per second. */
const BATCH_MS = 50;

/** DDS must keep at least this many samples for a batch, even if a profile such as sensor_data keeps only five. It is enough for 2 kHz. */
const BATCH_DEPTH = 100;

/** How many messages per second are decoded if no limit is configured. */
const MAX_RATE = 1_000;

/**
 * A message of at least this many bytes is treated as an image or a point cloud. For example, 30 images of 640x480 per second are 27 MB/s.
 * Decoding all of them made the garbage collector stop the process for 5 ms three times per second (measured), longer than an alert takes
 * from ROS to the broker.
 */
export const LARGE_BYTES = 32_768;
const MAX_RATE_OF_LARGE = 1;

export type Pace = Pick<SubscribeOptions, 'everyMs' | 'maxPerSecond'> & { readonly qos: Wanted['qos'] };

/**
 * Has no side effects. @returns how to receive samples: alerts at once, telemetry from a busy topic in batches, and of large messages only
 * the newest.
 * @param isLarge whether the topic has had a message of 32 KiB or more.
 */
export function paceOf(channel: Pick<ChannelConfig, 'class' | 'max_rate' | 'max_silence'>, qos: Wanted['qos'], isLarge: boolean): Pace {
  const { class: rowClass, max_rate: maxRate, max_silence: maxSilence = Number.POSITIVE_INFINITY } = channel;
  if (rowClass === 'alert') return { qos };
  // A transient-local publisher sends up to this many old samples to a late subscriber, so keep the configured depth.
  const deep = qos.map((each) => (each.durability === 'volatile' ? { ...each, depth: Math.max(each.depth, BATCH_DEPTH) } : each));
  if (maxRate === null) return { qos: deep, everyMs: BATCH_MS };
  if (!isLarge) return { qos: deep, everyMs: BATCH_MS, maxPerSecond: maxRate ?? MAX_RATE };
  // The interval must be short enough that samples waiting in DDS are not mistaken for silence.
  const everyMs = Math.max(BATCH_MS, Math.min(1_000 / (maxRate ?? MAX_RATE_OF_LARGE), maxSilence / 2));
  return { qos: qos.map((each) => ({ ...each, depth: 1 })), everyMs };
}
