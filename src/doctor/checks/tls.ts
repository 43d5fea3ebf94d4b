// Makes a TLS handshake with the broker, to inspect the broker's certificate and to find out whether the broker accepts ours. The
// handshake continues with an untrusted certificate, because the check needs its chain. It never sends data over this connection.
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
  /** DNS names and addresses in the certificate. */
  readonly names: string;
}

export interface TlsProbe {
  readonly protocol: string | undefined;
  /** The broker's own certificate, followed by the other certificates that the broker sent. */
  readonly chain: readonly PeerCertificate[];
  /** OpenSSL's error code for the chain. Undefined if the chain is trusted. */
  readonly untrusted: string | undefined;
  /** The error during the handshake or just after it. After a handshake it means that the broker refuses our certificate. */
  readonly refused: { readonly code: string | undefined; readonly text: string } | undefined;
}

const HANDSHAKE_MS = 6_000;
/** With TLS 1.3 a refusal of the client's certificate arrives after the handshake. A session ticket means that the broker accepted it. */
const VERDICT_MS = 1_000;

/** @param rootCa the file of the CA, which is used if certificate or key cannot be read. */
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
    // A root is its own issuer.
    const next: DetailedPeerCertificate = peer.issuerCertificate;
    peer = next?.fingerprint256 === peer.fingerprint256 ? undefined : next;
  }
  return chain;
}

function nameOf(subject: DetailedPeerCertificate['subject'] | undefined): string {
  return String([subject?.CN ?? subject?.O ?? 'no name'].flat()[0]);
}
