// Evaluates a command's conditions on channels. An unknown or outdated value meets no condition. Pure.
import { type Condition, holds } from '../config/index.ts';

/** A channel's latest value, and the age of its last message in milliseconds. */
export interface ChannelValue {
  readonly value: unknown;
  readonly ageMs: number;
}

/** @returns the first condition that is not met, with its reason; undefined if all are met. */
export function unmet(
  conditions: readonly Condition[],
  freshWithinMs: number,
  latestValue: (channel: string) => ChannelValue | undefined,
): string | undefined {
  for (const condition of conditions) {
    const { channel, text } = condition;
    const latest = latestValue(channel);
    if (latest === undefined || latest.value === null || latest.value === undefined) return `${text}: ${channel} is unknown`;
    if (latest.ageMs > freshWithinMs) return `${text}: the last value of ${channel} is ${Math.round(latest.ageMs / 1000)} s old`;
    if (!holds(condition, latest.value)) return `${text}: ${channel} is ${String(latest.value).slice(0, 40)}`;
  }
  return undefined;
}
