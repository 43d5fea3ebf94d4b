// A TLS handshake with the broker, only to look: whose certificate it shows, what is wrong with it, and whether it takes ours.
// The handshake goes on past a certificate that can't be trusted, since its chain is what has to be seen; nothing is ever sent over it.
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
  /** DNS names and addresses it is for. */
  readonly names: string;
}

export interface TlsLook {
  readonly protocol: string | undefined;
  /** From the broker's own to the last it sent. */
  readonly chain: readonly ShownCertificate[];
  /** OpenSSL's code of what is wrong with that; undefined where it can be trusted. */
  readonly untrusted: string | undefined;
  /** What ended the handshake, or the connection right after it: the broker's no to our certificate. */
  readonly refused: { readonly code: string | undefined; readonly text: string } | undefined;
}

const HANDSHAKE_WITHIN_MS = 6_000;
/** TLS 1.3 tells a client only after the handshake that its certificate is refused. A session ticket says that it was taken. */
const VERDICT_WITHIN_MS = 1_000;

export interface LookOptions {
  readonly host: string;
  readonly route: Route;
  readonly credentials: Credentials | AgentError;
  /** The CA's file, for when the other two files are what is wrong. */
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
    const late = () => end({ code: 'ETIMEDOUT', text: `no handshake within ${HANDSHAKE_WITHIN_MS / 1_000} s` });
    let timer = setTimeout(late, HANDSHAKE_WITHIN_MS);
    socket.once('secureConnect', () => {
      look = {
        protocol: socket.getProtocol() ?? undefined,
        chain: chainOf(socket),
        untrusted: socket.authorized ? undefined : String(socket.authorizationError),
      };
      clearTimeout(timer);
      if (look.protocol !== 'TLSv1.3') return end(undefined);
      timer = setTimeout(() => end(undefined), VERDICT_WITHIN_MS);
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
  let one: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (one?.subject) {
    chain.push({
      subject: nameOf(one.subject),
      issuer: nameOf(one.issuer),
      notBeforeMs: Date.parse(one.valid_from),
      notAfterMs: Date.parse(one.valid_to),
      names: one.subjectaltname ?? '',
    });
    // A root is its own issuer.
    const next: DetailedPeerCertificate = one.issuerCertificate;
    one = next === one || next?.fingerprint256 === one.fingerprint256 ? undefined : next;
  }
  return chain;
}

function nameOf(subject: DetailedPeerCertificate['subject'] | undefined): string {
  const [name] = [subject?.CN ?? subject?.O ?? 'nobody'].flat();
  return String(name);
}
