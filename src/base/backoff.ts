// How long to wait before the next try. Exponential with full jitter, so that a fleet that lost its broker together does
// not come back together (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).

/** A connection that lasted this long counts as good: the next wait starts small again. */
export const STABLE_AFTER_MS = 60_000;

export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Pure.
 * @param attempt failures in a row, from 1.
 * @param random 0 <= random < 1.
 * @returns milliseconds: never less than the smallest wait, since IoT Core takes one CONNECT a second from a client id.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  const ceiling = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(attempt, 30));
  return Math.round(limits.minMs + random * (ceiling - limits.minMs));
}
