// Makes a TLS handshake with the broker, to inspect the broker's certificate and to find out whether the broker accepts ours. To be able to
// report an untrusted certificate, it completes the handshake anyway, so no data must ever be sent over this connection.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { codeOf, messageOf } from '../../base/index.ts';
import type { AgentError } from '../../errors.ts';
import type { Credentials } from '../../identity/index.ts';
import type { Route } from '../../uplink/index.ts';

export interface PeerCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly notAfterMs: number;
  /** The DNS names and IP addresses that the certificate is valid for. */
  readonly names: string;
}

export interface TlsProbe {
  readonly protocol: string | undefined;
  /** The broker's own certificate, followed by its chain of issuers. Empty if the handshake failed. */
  readonly chain: readonly PeerCertificate[];
  /** OpenSSL's verification error; undefined if the chain is trusted. */
  readonly untrusted: string | undefined;
  /** An error during or just after the handshake. If `chain` is not empty, it means that the broker refused our certificate. */
  readonly refused: { readonly code: string | undefined; readonly text: string } | undefined;
}

const HANDSHAKE_MS = 6_000;
/**
 * In TLS 1.3, the client's side of the handshake ends before the server has verified the client's certificate. Wait this long for a
 * refusal, or for a session ticket, which means that the broker has accepted the certificate.
 */
const VERDICT_MS = 1_000;

/** @param rootCa path of the root CA, which is only needed if `credentials` is an error. */
export function probeTls(host: string, route: Route, credentials: Credentials | AgentError, rootCa: string): Promise<TlsProbe> {
  const own: ConnectionOptions = credentials instanceof Error ? caOf(rootCa) : credentials;
  return new Promise((resolve) => {
    let seen: Omit<TlsProbe, 'refused'> = { protocol: undefined, chain: [], untrusted: undefined };
    const socket = connect({
      host,
      port: route.port,
      ...(isIP(host) ? {} : { servername: host }),
      ...(route.alpn === undefined ? {} : { ALPNProtocols: [route.alpn] }),
      ...('ca' in own ? { ca: own.ca } : {}),
      ...('cert' in own ? { cert: own.cert, key: own.key } : {}),
      rejectUnauthorized: false,
    });
    const end = (refused: TlsProbe['refused']) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...seen, refused });
    };
    const late = () => end({ code: 'ETIMEDOUT', text: `no handshake within ${HANDSHAKE_MS / 1_000} s` });
    let timer = setTimeout(late, HANDSHAKE_MS);
    socket.once('secureConnect', () => {
      const protocol = socket.getProtocol() ?? undefined;
      const untrusted = socket.authorized ? undefined : String(socket.authorizationError);
      seen = { protocol, chain: chainOf(socket), untrusted };
      clearTimeout(timer);
      if (protocol !== 'TLSv1.3') return end(undefined);
      timer = setTimeout(() => end(undefined), VERDICT_MS);
      socket.once('session', () => end(undefined));
    });
    socket.once('error', (error) => end({ code: codeOf(error), text: messageOf(error) }));
    socket.once('close', () => end({ code: 'ECONNRESET', text: 'the broker closed the connection during the handshake' }));
  });
}

function caOf(file: string): ConnectionOptions {
  try {
    return { ca: readFileSync(file) };
  } catch {
    return {};
  }
}

function chainOf(socket: TLSSocket): PeerCertificate[] {
  const chain: PeerCertificate[] = [];
  let peer: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (peer?.subject) {
    chain.push({
      subject: nameOf(peer.subject),
      issuer: nameOf(peer.issuer),
      notAfterMs: Date.parse(peer.valid_to),
      names: peer.subjectaltname ?? '',
    });
    // Node.js lists a root as its own issuer, so without this test the loop would never end.
    const next: DetailedPeerCertificate = peer.issuerCertificate;
    peer = next?.fingerprint256 === peer.fingerprint256 ? undefined : next;
  }
  return chain;
}

function nameOf(subject: DetailedPeerCertificate['subject'] | undefined): string {
  return String([subject?.CN ?? subject?.O ?? 'no name'].flat()[0]);
}
