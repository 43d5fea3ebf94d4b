// How long to wait before another try: random up to twice as long each time, so that a fleet doesn't come back as one wave.

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * @param tries failures so far, from 0.
 * @param random from 0 to 1.
 * @returns between `firstMs` and the doubled limit: never less, as AWS IoT Core takes one connect a second from a client.
 */
export function delayMs({ firstMs, longestMs }: Backoff, tries: number, random: number): number {
  const limit = Math.min(longestMs, firstMs * 2 ** Math.min(tries, 30));
  return firstMs + random * (limit - firstMs);
}
