// A TLS handshake with the broker, to inspect the broker's certificate and to learn whether it accepts ours. The handshake continues
// past an untrusted certificate, because the check needs its chain. No data is ever sent over this connection.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { codeOf, messageOf } from '../../base/index.ts';
import type { AgentError } from '../../errors.ts';
import type { Credentials } from '../../identity/index.ts';
import type { Route } from '../../uplink/index.ts';

export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DNS names and addresses in the certificate. */
  readonly names: string;
}

export interface TlsLook {
  readonly protocol: string | undefined;
  /** From the broker's own certificate to the last one that it sent. */
  readonly chain: readonly ShownCertificate[];
  /** OpenSSL's error code for the chain; undefined if it is trusted. */
  readonly untrusted: string | undefined;
  /** The error that ended the handshake or the connection right after it: the broker refuses our certificate. */
  readonly refused: { readonly code: string | undefined; readonly text: string } | undefined;
}

const HANDSHAKE_MS = 6_000;
/** With TLS 1.3 a refusal of the client's certificate arrives after the handshake. A session ticket means that the broker accepted it. */
const VERDICT_MS = 1_000;

export interface LookOptions {
  readonly host: string;
  readonly route: Route;
  readonly credentials: Credentials | AgentError;
  /** The file of the CA, used if certificate or key cannot be read. */
  readonly rootCa: string;
}

export function lookAtTls({ host, route, credentials, rootCa }: LookOptions): Promise<TlsLook> {
  const own: ConnectionOptions = credentials instanceof Error ? caOf(rootCa) : credentials;
  return new Promise((resolve) => {
    let look: Omit<TlsLook, 'refused'> = { protocol: undefined, chain: [], untrusted: undefined };
    const socket = connect({
      host,
      port: route.port,
      ...(isIP(host) ? {} : { servername: host }),
      ...(route.alpn === undefined ? {} : { ALPNProtocols: [route.alpn] }),
      ...('ca' in own ? { ca: own.ca } : {}),
      ...('cert' in own ? { cert: own.cert, key: own.key } : {}),
      rejectUnauthorized: false,
    });
    const end = (refused: TlsLook['refused']) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...look, refused });
    };
    const late = () => end({ code: 'ETIMEDOUT', text: `no handshake within ${HANDSHAKE_MS / 1_000} s` });
    let timer = setTimeout(late, HANDSHAKE_MS);
    socket.once('secureConnect', () => {
      look = {
        protocol: socket.getProtocol() ?? undefined,
        chain: chainOf(socket),
        untrusted: socket.authorized ? undefined : String(socket.authorizationError),
      };
      clearTimeout(timer);
      if (look.protocol !== 'TLSv1.3') return end(undefined);
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

function chainOf(socket: TLSSocket): ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  let shown: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (shown?.subject) {
    chain.push({
      subject: nameOf(shown.subject),
      issuer: nameOf(shown.issuer),
      notBeforeMs: Date.parse(shown.valid_from),
      notAfterMs: Date.parse(shown.valid_to),
      names: shown.subjectaltname ?? '',
    });
    // A root is its own issuer.
    const next: DetailedPeerCertificate = shown.issuerCertificate;
    shown = next === shown || next?.fingerprint256 === shown.fingerprint256 ? undefined : next;
  }
  return chain;
}

function nameOf(subject: DetailedPeerCertificate['subject'] | undefined): string {
  const [name] = [subject?.CN ?? subject?.O ?? 'nobody'].flat();
  return String(name);
}
