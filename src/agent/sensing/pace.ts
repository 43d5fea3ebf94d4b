// How a channel receives samples: each sample of an alert at once, telemetry in batches while its topic is busy, and only the newest of large
// messages. Pure.
import type { ChannelConfig } from '../../config/index.ts';
import type { SubscribeOptions } from '../../ros/index.ts';
import type { Wanted } from '../../sensing/index.ts';

/** How long telemetry of a busy topic may gather before it is taken: twenty topics at 100 Hz then wake the agent 20 times a second. */
const GATHER_MS = 50;

/** Samples that DDS keeps while they gather, even if a profile such as sensor_data keeps five: enough for 2 kHz. */
const GATHER_DEPTH = 100;

/** Messages a second to decode without a configured limit. */
const MAX_RATE = 1_000;

/**
 * Bytes from which a message is a picture or a cloud of points. Thirty pictures of 640x480 a second are 27 MB/s, and let the garbage
 * collector stop everything for 5 ms three times a second (measured): longer than an alert takes from ROS to the broker.
 */
export const LARGE_BYTES = 32_768;
const MAX_RATE_OF_LARGE = 1;

export type Pace = Pick<SubscribeOptions, 'everyMs' | 'maxPerSecond'> & { readonly qos: Wanted['qos'] };

/** @param isLarge whether messages of {@link LARGE_BYTES} and more were seen. */
export function paceOf(channel: Pick<ChannelConfig, 'class' | 'max_rate' | 'max_silence'>, qos: Wanted['qos'], isLarge: boolean): Pace {
  const { class: kind, max_rate: maxRate, max_silence: maxSilence = Number.POSITIVE_INFINITY } = channel;
  if (kind === 'alert') return { qos };
  // With a latched publisher the depth is also the number of old samples that a late subscriber receives, so it stays as configured.
  const depth = qos.durability === 'volatile' ? Math.max(qos.depth, GATHER_DEPTH) : qos.depth;
  if (maxRate === null) return { qos: { ...qos, depth }, everyMs: GATHER_MS };
  if (!isLarge) return { qos: { ...qos, depth }, everyMs: GATHER_MS, maxPerSecond: maxRate ?? MAX_RATE };
  // Often enough that samples which wait do not look like silence.
  const everyMs = Math.max(GATHER_MS, Math.min(1_000 / (maxRate ?? MAX_RATE_OF_LARGE), maxSilence / 2));
  return { qos: { ...qos, depth: 1 }, everyMs };
}
