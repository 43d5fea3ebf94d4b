// Provides waits, periodic calls and backoff. Node's timers use the monotonic clock, so a jump of the wall clock has no effect.

export interface Ticker {
  stop(): void;
}

/** Calls `tick` every `ms`. A late tick is not repeated. The timer does not keep the process alive. */
export function every(ms: number, tick: () => void): Ticker {
  const timer = setInterval(tick, ms);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Resolves after `ms`, or immediately when the signal fires. @returns false if the signal ended the wait. */
export function wait(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve(!signal.aborted);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** A connection of this duration was stable. The next backoff then starts with the shortest wait again. */
export const STABLE_AFTER_MS = 60_000;

export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Computes the wait before the next attempt: exponential with full jitter, so that robots which lost the broker together do not
 * reconnect together (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter). Pure.
 * @param attempt failures in a row, from 1.
 * @param random 0 <= random < 1.
 * @returns milliseconds, at least `minMs`, because IoT Core accepts one CONNECT per second from a client id.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  const ceiling = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(attempt, 30));
  return Math.round(limits.minMs + random * (ceiling - limits.minMs));
}
