// Repeats on the monotonic clock (Node's timers are), so that a jump of the wall clock neither stops nor storms anything.

export interface Ticker {
  stop(): void;
}

/** Calls `tick` every `ms`; a slow tick is not made up for. Does not keep the process alive by itself. */
export function every(ms: number, tick: () => void): Ticker {
  const timer = setInterval(tick, ms);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Resolves after `ms`, or at once when the signal fires. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
