// Waits, periodic calls and backoff. All of them use Node's timers, which are based on the monotonic clock, so setting the wall clock has
// no effect on them.

export interface Ticker {
  stop(): void;
}

/** Calls `tick` every `ms`. Ticks missed while the event loop is blocked are skipped. The timer does not keep the process alive. */
export function every(ms: number, tick: () => void): Ticker {
  const timer = setInterval(tick, ms);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Resolves after `ms`, or as soon as the signal is aborted. @returns false if the signal ended the wait. */
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

/**
 * Waits for `work`, but no longer than `ms`. The work itself goes on.
 * @param late returns the result after that time, or throws. @throws the error of `work` or of `late`
 */
export async function withDeadline<T>(work: Promise<T>, ms: number, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    return await Promise.race([work, over.then(late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** Once a connection has lasted this long, it is considered stable, and the next backoff starts from the shortest wait again. */
export const STABLE_AFTER_MS = 60_000;

export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
  /** The first wait, at most. Defaults to twice `minMs`. */
  readonly firstMs?: number;
}

/**
 * Computes the wait before the next attempt: exponential with full jitter, so that robots that lose the broker at the same moment do not
 * all reconnect at the same moment (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
 * @param attempt how many attempts in a row have failed, at least 1.
 * @param random a random number with 0 <= random < 1.
 * @returns milliseconds, at least `minMs`, because IoT Core accepts only one CONNECT per second from a client id.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  const { minMs, maxMs, firstMs = 2 * minMs } = limits;
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 30));
  return Math.round(minMs + random * Math.max(0, ceiling - minMs));
}
