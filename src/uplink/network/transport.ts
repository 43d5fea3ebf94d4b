// Opens a TLS connection to the broker over one path.
import { isIP, Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { codeOf, messageOf, systemWords } from '../../base/index.ts';
import type { OwnCredentials } from '../../identity/index.ts';
import { ConnectError, HANDSHAKE_STALLED, reasonOf, TLS_MISMATCH } from '../connectError.ts';
import { boundSocket } from './boundSocket.ts';
import type { Path } from './path.ts';
import { PathError } from './pathError.ts';
import { certificateFault, shownBy } from './shown.ts';

export interface Transport {
  /** Secured, with the broker's certificate verified. In TLS 1.3, the broker may still refuse the robot's. */
  readonly socket: TLSSocket;
  readonly path: Path;
  readonly host: string;
  /** When the TCP connection was made, by `performance.now()`. */
  readonly connectedMs: number;
  /** The paths that had failed before. */
  readonly failures: readonly PathError[];
}

/** An alert (RFC 8446, 6) as the first answer: five bytes of header, level and description. */
const ALERT_BYTES = 7;

/** @throws PathError */
export async function openTransport(path: Path, host: string, credentials: OwnCredentials, signal: AbortSignal): Promise<Transport> {
  const tcp = await openTcp(path, signal);
  const connectedMs = performance.now();
  const socket = connectTls({
    socket: tcp,
    host,
    ...tlsOptions(path, host),
    ca: credentials.ca,
    cert: credentials.cert,
    key: credentials.key,
  });
  let [shown] = shownBy(socket);
  // Node.js discards the certificate together with the connection, before it reports why the certificate is not accepted.
  socket.prependOnceListener('secure', () => {
    [shown] = shownBy(socket);
  });
  const late = (seconds: number) => new ConnectError(stallText(seconds, tcp.bytesRead), HANDSHAKE_STALLED);
  try {
    await settled(socket, 'secureConnect', signal, late);
    // The caller adds its own listener later; an error before that would end the process.
    socket.on('error', () => {});
    return { socket, path, host, connectedMs, failures: [] };
  } catch (error) {
    tcp.destroy();
    const reason = reasonOf(error);
    const fault = typeof reason === 'string' ? certificateFault(reason, shown, host, credentials.ca) : undefined;
    throw new PathError(path, fault?.text ?? messageOf(error), fault?.reason ?? handshakeReason(reason, tcp.bytesRead));
  }
}

/** @param received bytes of the server's answer. */
export function handshakeReason(reason: string | number | undefined, received: number): string | number | undefined {
  // The server has not seen the robot's certificate yet, so it cannot be the reason.
  return /_ALERT_HANDSHAKE_FAILURE$/.test(String(reason)) && received <= ALERT_BYTES ? TLS_MISMATCH : reason;
}

/** Opens a TCP connection over the path. @throws PathError */
export async function openTcp(path: Path, signal: AbortSignal): Promise<Socket> {
  let tcp: Socket | undefined;
  try {
    const socket = path.interface ? await boundSocket(path.interface.name, path.address) : new Socket();
    tcp = socket;
    const late = (seconds: number) => new ConnectError(`no answer within ${seconds} s`, 'ETIMEDOUT');
    await settled(socket, 'connect', signal, late, () => socket.setNoDelay(true).connect({ host: path.address, port: path.port }));
    return socket;
  } catch (error) {
    tcp?.destroy();
    throw new PathError(path, messageOf(error), reasonOf(error));
  }
}

/** The options for a handshake over this path. */
export function tlsOptions({ alpn }: Path, host: string): { readonly servername?: string; readonly ALPNProtocols?: string[] } {
  return { ...(isIP(host) ? {} : { servername: host }), ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }) };
}

/** @param received bytes of the server's answer. */
export function stallText(seconds: number, received: number): string {
  if (received > 0)
    return `the TLS handshake stopped after ${received} bytes and ${seconds} s; the network seems to drop large packets (MTU)`;
  return `the port is open, but the TLS handshake has no answer within ${seconds} s; the server hangs, or the network drops large packets (MTU)`;
}

/** Waits until the socket emits the event. @param late the error if the signal is aborted first. @throws ConnectError */
function settled(
  socket: Socket,
  event: string,
  signal: AbortSignal,
  late: (seconds: number) => ConnectError,
  begin: () => unknown = () => {},
): Promise<void> {
  const startedMs = performance.now();
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
    const onAbort = () => end(late(Math.round((performance.now() - startedMs) / 100) / 10));
    socket.on(event, onReady).on('error', onError).on('close', onClose);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    begin();
  });
}

/** Returns a readable message. */
export function sentenceOf(error: Error): string {
  if (error.message.startsWith('Client network socket disconnected')) return 'the server closed the connection during the TLS handshake';
  return systemWords(codeOf(error)) ?? messageOf(error);
}
