// Asks whether anything listens at the broker's port. A crashed broker refuses connections for a moment; a broker that gave this robot's
// name to another client, and a proxy with a timeout, accept them.
import { connect } from 'node:net';
import { codeOf } from '../../base/index.ts';

const WITHIN_MS = 2_000;

/** Whether a TCP connection is refused now. False if it is accepted, or if that cannot be found out. */
export function refusesTcp(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: WITHIN_MS });
    const end = (isRefused: boolean) => {
      socket.destroy();
      resolve(isRefused);
    };
    socket.unref();
    socket.once('connect', () => end(false));
    socket.once('timeout', () => end(false));
    socket.once('error', (error) => end(isRefusal(error)));
  });
}

/** If a name has several addresses, Node.js reports an AggregateError with one error for each address. */
function isRefusal(error: Error): boolean {
  const errors = (error as { errors?: readonly unknown[] }).errors ?? [error];
  return errors.every((each) => codeOf(each) === 'ECONNREFUSED');
}
