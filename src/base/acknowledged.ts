// Publishing over MQTT and waiting for the broker's PUBACK. Knows no MQTT library: the caller passes the call that publishes.

export interface Acknowledgement<T> {
  /** Starts the publication. Calls back without an error when the broker acknowledged it; never, if its connection was lost. */
  readonly publish: (done: (error?: Error | null) => void) => void;
  /** Resolves when the session ends. */
  readonly ended: Promise<T>;
  /** The error for a session that ended first, from the reason with which it ended. */
  readonly lost: (reason: T) => Error;
  /** Undefined: no deadline. */
  readonly timeoutMs?: number;
}

/** Resolves with the broker's PUBACK. @throws the publication's error, the error of `lost`, or an error that names the deadline. */
export function acknowledged<T>({ publish, ended, lost, timeoutMs }: Acknowledgement<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = () => finish(new Error(`no acknowledgement within ${timeoutMs} ms`));
    const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
    const finish = (error?: Error | null) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve();
    };
    void ended.then((reason) => finish(lost(reason)));
    publish(finish);
  });
}
