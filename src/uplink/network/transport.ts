// Opens a TLS connection to the broker over one path.
import { isIP, Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { codeOf, messageOf } from '../../base/index.ts';
import type { Credentials } from '../../identity/index.ts';
import { ConnectError } from '../connectError.ts';
import { boundSocket } from './boundSocket.ts';
import type { Path } from './path.ts';
import { PathError } from './pathError.ts';

export interface Transport {
  /** Secured, with the broker's certificate verified. In TLS 1.3, the broker may still refuse the robot's. */
  readonly socket: TLSSocket;
  readonly path: Path;
  readonly host: string;
  /** The paths that had failed before. */
  readonly failures: readonly PathError[];
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  EADDRNOTAVAIL: 'this machine has no address of this kind',
  ETIMEDOUT: 'no answer',
};

/** @throws PathError */
export async function openTransport(path: Path, host: string, credentials: Credentials, signal: AbortSignal): Promise<Transport> {
  const tcp = await socketFor(path);
  const startedMs = performance.now();
  const seconds = () => Math.round((performance.now() - startedMs) / 100) / 10;
  try {
    await settled(
      tcp,
      'connect',
      signal,
      () => `no answer within ${seconds()} s`,
      () => tcp.setNoDelay(true).connect({ host: path.address, port: path.port }),
    );
    const socket = connectTls({
      socket: tcp,
      host,
      ...(isIP(host) ? {} : { servername: host }),
      ...(path.alpn === undefined ? {} : { ALPNProtocols: [path.alpn] }),
      ca: credentials.ca,
      cert: credentials.cert,
      key: credentials.key,
    });
    await settled(socket, 'secureConnect', signal, () => `the port is open, but the TLS handshake has no answer within ${seconds()} s`);
    // The caller adds its own listener later; an error before that would end the process.
    socket.on('error', () => {});
    return { socket, path, host, failures: [] };
  } catch (error) {
    tcp.destroy();
    throw new PathError(path, messageOf(error), error instanceof ConnectError ? error.reason : codeOf(error));
  }
}

async function socketFor(path: Path): Promise<Socket> {
  if (!path.interface) return new Socket();
  try {
    return await boundSocket(path.interface.name, path.address);
  } catch (error) {
    throw new PathError(path, messageOf(error), codeOf(error) ?? (error instanceof ConnectError ? error.reason : undefined));
  }
}

/** Waits until the socket emits the event. @param late tells what is missing, if the signal is aborted first. @throws ConnectError */
function settled(socket: Socket, event: string, signal: AbortSignal, late: () => string, begin: () => unknown = () => {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: ConnectError) => {
      signal.removeEventListener('abort', onAbort);
      socket.off(event, onReady).off('error', onError).off('close', onClose);
      // A socket may emit another error later, which would end the process without a listener.
      if (error) socket.on('error', () => {}).destroy();
      if (error) reject(error);
      else resolve();
    };
    const onReady = () => end();
    const onError = (error: Error) => end(new ConnectError(sentenceOf(error), codeOf(error)));
    const onClose = () => end(new ConnectError('the broker closed the connection during the TLS handshake', 'ECONNRESET'));
    const onAbort = () => end(new ConnectError(late(), 'ETIMEDOUT'));
    socket.on(event, onReady).on('error', onError).on('close', onClose);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    begin();
  });
}

/** Returns a readable message. OpenSSL's own messages contain numeric codes and a line break, so its `reason` is used instead. */
export function sentenceOf(error: Error): string {
  const { library, reason } = error as { library?: unknown; reason?: unknown };
  if (typeof library === 'string' && typeof reason === 'string') return `the TLS handshake failed: ${reason}`;
  return WORDS[codeOf(error) ?? ''] ?? messageOf(error);
}
