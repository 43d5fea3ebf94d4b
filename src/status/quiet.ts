// Decides whether a regular sensor has become quiet, for channels without max_silence. Pure.
import type { ChannelStatus } from './status.ts';

/** Fewer messages do not show how regular a sensor is. */
const ENOUGH_MESSAGES = 20;
/** A restarted node is back within this time. */
const AT_LEAST_MS = 30_000;
const LONGEST_GAPS = 3;

/** @returns false as long as nothing is known about the sensor. */
export function isOverdue({ messages, age_ms: age, longest_gap_ms: gap }: ChannelStatus): boolean {
  if (age === null || gap === null || messages < ENOUGH_MESSAGES) return false;
  return age > Math.max(AT_LEAST_MS, LONGEST_GAPS * gap);
}
