// Waiting on the monotonic clock (Node's timers use it), so that a jump of the wall clock changes nothing.

export interface Ticker {
  stop(): void;
}

/** Calls `tick` every `ms`. A tick that comes late is not repeated. Does not keep the process alive by itself. */
export function every(ms: number, tick: () => void): Ticker {
  const timer = setInterval(tick, ms);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Resolves after `ms`, or at once when the signal fires. @returns false if the signal ended the wait. */
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
