// Runs attempts at the same goal side by side, each started a little later than the one before, until one succeeds (RFC 8305, "Happy
// Eyeballs", does this with addresses).

/** @throws anything; it must give up at once if the signal is aborted. */
export type Attempt<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Starts the next attempt after `delayMs`, or as soon as all attempts that were started have failed. Aborts the others once one succeeds.
 * @param discard called with the value of an attempt that succeeds although another one was first.
 * @throws AggregateError with the errors of the attempts that were started, in their order
 */
export function firstOf<T>(attempts: readonly Attempt<T>[], delayMs: number, signal: AbortSignal, discard: (late: T) => void): Promise<T> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  return new Promise((resolve, reject) => {
    const errors: unknown[] = [];
    let timer: NodeJS.Timeout | undefined;
    let [started, failed] = [0, 0];
    const end = () => {
      clearTimeout(timer);
      over.abort();
    };
    const fail = (index: number, error: unknown) => {
      errors[index] = error;
      failed++;
      if (over.signal.aborted || failed < started) return;
      if (started < attempts.length && !signal.aborted) return start();
      end();
      reject(new AggregateError(errors));
    };
    const succeed = (value: T) => {
      if (over.signal.aborted) return discard(value);
      end();
      resolve(value);
    };
    const start = () => {
      clearTimeout(timer);
      const index = started++;
      if (started < attempts.length) timer = setTimeout(start, delayMs);
      const attempt = signal.aborted ? undefined : attempts[index];
      if (attempt) attempt(stop).then(succeed, (error: unknown) => fail(index, error));
      else fail(index, signal.reason);
    };
    if (attempts.length > 0) start();
    else reject(new AggregateError(errors));
  });
}
