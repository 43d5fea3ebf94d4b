// Makes a TLS handshake with the broker for the doctor, to inspect the broker's certificate and to find out whether the broker accepts ours.
// To be able to report an untrusted certificate, it completes the handshake anyway, so no data must ever be sent over this connection.
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { codeOf } from '../../base/index.ts';
import { HANDSHAKE_STALLED } from '../connectError.ts';
import type { Path } from './path.ts';
import { PathError } from './pathError.ts';
import { certificateFault, type ShownCertificate, shownBy } from './shown.ts';
import { handshakeReason, sentenceOf, stallText, tlsOptions } from './transport.ts';

export interface Handshake {
  readonly protocol: string | undefined;
  /** The server's own certificate, followed by its chain of issuers. Empty if there was no handshake. */
  readonly chain: readonly ShownCertificate[];
  /** Why there was no handshake, or why the server's certificate is not accepted. */
  readonly fault: PathError | undefined;
  /** Why the server refused the robot's certificate. */
  readonly refusal: PathError | undefined;
}

/** The PEM texts of an identity. A robot without a certificate can inspect only the server's side. */
export interface OwnSide {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const HANDSHAKE_MS = 6_000;
/**
 * In TLS 1.3, the client's side of the handshake ends before the server has verified the client's certificate. Wait this long for a
 * refusal, or for a session ticket, which means that the broker has accepted the certificate.
 */
const VERDICT_MS = 1_000;

/** Ends the connection. Never rejects. */
export function inspect(tcp: Socket, path: Path, host: string, { ca, cert, key }: OwnSide): Promise<Handshake> {
  return new Promise((resolve) => {
    let seen: Handshake | undefined;
    const own = { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert, key }) };
    const socket = connect({ socket: tcp, host, ...tlsOptions(path, host), ...own, rejectUnauthorized: false });
    const end = (text?: string, reason?: string | number) => {
      clearTimeout(timer);
      socket.destroy();
      const failure = text === undefined ? undefined : new PathError(path, text, reason);
      resolve(seen ? { ...seen, refusal: failure } : { protocol: undefined, chain: [], fault: failure, refusal: undefined });
    };
    const late = () => end(stallText(HANDSHAKE_MS / 1_000, tcp.bytesRead), HANDSHAKE_STALLED);
    let timer = setTimeout(late, HANDSHAKE_MS);
    socket.once('secureConnect', () => {
      const chain = shownBy(socket);
      const fault = socket.authorized ? undefined : certificateFault(String(socket.authorizationError), chain[0], host, ca ?? '');
      const protocol = socket.getProtocol() ?? undefined;
      seen = { protocol, chain, fault: fault && new PathError(path, fault.text, fault.reason), refusal: undefined };
      clearTimeout(timer);
      if (protocol !== 'TLSv1.3') return end();
      timer = setTimeout(() => end(), VERDICT_MS);
      socket.once('session', () => end());
    });
    socket.on('error', (error) => end(sentenceOf(error), handshakeReason(codeOf(error), tcp.bytesRead)));
    socket.once('close', () => end('the server closed the connection during the TLS handshake', 'ECONNRESET'));
  });
}
