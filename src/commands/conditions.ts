// Whether a command's conditions on channels hold. What was not heard from, or not for long enough, meets none. Pure.
import { type Condition, holds } from '../config/index.ts';

/** A channel's latest value and how long ago its last message came, in milliseconds. */
export interface Heard {
  readonly value: unknown;
  readonly ageMs: number;
}

/** @returns why a condition is not met; undefined when all are. */
export function unmet(
  conditions: readonly Condition[],
  freshWithinMs: number,
  heard: (channel: string) => Heard | undefined,
): string | undefined {
  for (const condition of conditions) {
    const { channel, text } = condition;
    const latest = heard(channel);
    if (latest === undefined || latest.value === null || latest.value === undefined) return `${text}: ${channel} is not known`;
    if (latest.ageMs > freshWithinMs) return `${text}: ${channel} was last heard of ${Math.round(latest.ageMs / 1000)} s ago`;
    if (!holds(condition, latest.value)) return `${text}: ${channel} is ${String(latest.value).slice(0, 40)}`;
  }
  return undefined;
}
