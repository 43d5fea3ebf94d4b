// Whether a sensor that was heard regularly has become quiet, where nobody said how long it may be (max_silence). Pure.
import type { ChannelStatus } from './status.ts';

/** Fewer say nothing of how regularly it speaks. */
const ENOUGH_MESSAGES = 20;
/** A node that is started anew is back by then. */
const AT_LEAST_MS = 30_000;
const TIMES_THE_LONGEST = 3;

export function isOverdue({ messages, age_ms: age, longest_gap_ms: gap }: ChannelStatus): boolean {
  if (age === null || gap === null || messages < ENOUGH_MESSAGES) return false;
  return age > Math.max(AT_LEAST_MS, TIMES_THE_LONGEST * gap);
}
