// The errors of connections and of missing answers, and the wait that makes them.
import { codeOf, withDeadline } from '../base/index.ts';

/** The reason of an error if the broker is connected, but does not answer in time. */
export const NO_ANSWER = 'NO_ANSWER';

/** The reason of an error if the broker's limit for packets is too small for any message. */
export const PACKET_LIMIT = 'PACKET_LIMIT';

/** Reasons of an error if the wrong kind of server answers: MQTT without TLS, a web server or a login page, or anything else. */
export const NO_TLS = 'NO_TLS';
export const HTTP_ANSWER = 'HTTP_ANSWER';
export const OTHER_SERVICE = 'OTHER_SERVICE';

/** The reason of an error if the port is open, but the TLS handshake does not end. */
export const HANDSHAKE_STALLED = 'HANDSHAKE_STALLED';

/** The reason of an error if the robot has no usable certificate, so that no connection is tried. */
export const NO_CERTIFICATE = 'NO_CERTIFICATE';

/** The reason of an error if the server refuses the TLS version or the ciphers of this robot. */
export const TLS_MISMATCH = 'TLS_MISMATCH';

/** The reason of an error if the certificate of an IoT Core endpoint is not from AWS. */
export const INTERCEPTED = 'INTERCEPTED';

export class ConnectError extends Error {
  /**
   * A system or TLS error code, an MQTT reason code, one of the constants of this file, `NOT_ALLOWED` or `ABORTED`. Undefined if there is
   * no code.
   */
  readonly reason: string | number | undefined;

  constructor(message: string, reason: string | number | undefined) {
    super(message);
    this.name = 'ConnectError';
    this.reason = reason;
  }
}

/** Returns the reason of a failure: a ConnectError's own, or the code of MQTT or the system in any other error. */
export function reasonOf(error: unknown): string | number | undefined {
  if (error instanceof ConnectError) return error.reason;
  const { code } = Object(error) as { readonly code?: unknown };
  return typeof code === 'number' ? code : codeOf(error);
}

/**
 * Waits for the broker's answer, but no longer than `ms`.
 * @param missing begins the text of the error. @throws ConnectError NO_ANSWER after `ms`; the error of `work`
 */
export function within<T>(work: Promise<T>, ms: number, missing: string): Promise<T> {
  return withDeadline(work, ms, () => {
    throw unanswered(missing, ms);
  });
}

/** The error of a connected broker that does not answer in time. */
export function unanswered(missing: string, ms: number): ConnectError {
  return new ConnectError(`${missing} within ${Math.round(ms / 100) / 10} s`, NO_ANSWER);
}

export function isUnanswered(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.reason === NO_ANSWER;
}

/** The error of a broker that answered before on this connection. */
export function stoppedAnswering({ message }: ConnectError): ConnectError {
  return new ConnectError(`${message}; the network or the broker stopped answering`, 'ETIMEDOUT');
}

/** Whether the signal was aborted, but not because of a deadline. */
export function isStopped({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DOMException && reason.name === 'TimeoutError');
}

/** Waits for work that cannot be stopped itself. @throws ConnectError ABORTED as soon as the signal is aborted; the error of `work` */
export async function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let look = () => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    look = () => isStopped(signal) && reject(new ConnectError('stopped', 'ABORTED'));
    signal.addEventListener('abort', look);
    look();
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', look);
  }
}
