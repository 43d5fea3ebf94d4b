// Describes the certificates that a server shows.
import { isIP } from 'node:net';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { certificatesIn, commonName, isIotCoreHost } from '../../identity/index.ts';
import { INTERCEPTED } from '../connectError.ts';

export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** The issuer's organisation; the empty string if it has none. */
  readonly issuedBy: string;
  readonly notAfterMs: number;
  /** The DNS names and IP addresses that the certificate is valid for. */
  readonly names: string;
}

/** Returns the server's own certificate, followed by its chain of issuers. Empty if the server has shown none. */
export function shownBy(socket: TLSSocket): ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  let peer: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (peer?.subject) {
    chain.push({
      subject: nameOf(peer.subject),
      issuer: nameOf(peer.issuer),
      issuedBy: first(peer.issuer?.O) ?? '',
      notAfterMs: Date.parse(peer.valid_to),
      names: peer.subjectaltname ?? '',
    });
    // Node.js lists a root as its own issuer, so without this test the loop would never end.
    const next: DetailedPeerCertificate = peer.issuerCertificate;
    peer = next?.fingerprint256 === peer.fingerprint256 ? undefined : next;
  }
  return chain;
}

/** `localhost [DNS:localhost] by Bench CA until 2027-01-31` */
export function describeShown({ subject, issuer, notAfterMs, names }: ShownCertificate): string {
  return `${subject}${names ? ` [${names}]` : ''} by ${issuer} until ${new Date(notAfterMs).toISOString().slice(0, 10)}`;
}

/** OpenSSL's codes for a chain that does not end at a configured root CA. */
export const UNTRUSTED: readonly string[] = [
  ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_GET_ISSUER_CERT'],
  ...['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_SIGNATURE_FAILURE'],
];

/** The organisations that have issued certificates of IoT Core (AWS IoT developer guide, Server authentication). */
const AWS_ISSUERS = /amazon|starfield|verisign|symantec|digicert/i;

export interface CertificateFault {
  readonly text: string;
  readonly reason: string;
}

/**
 * Says why the server's certificate is not accepted: what it is, and what the robot expects.
 * @param ca the configured root CA in PEM. @returns undefined if the error is not about the certificate
 */
export function certificateFault(
  code: string,
  shown: ShownCertificate | undefined,
  host: string,
  ca: string,
): CertificateFault | undefined {
  const what = shown ? `the server shows the certificate ${describeShown(shown)}` : 'the server shows a certificate';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return { text: `${what}, but not for ${isIP(host) ? 'the address ' : ''}${host}`, reason: code };
  if (code === 'CERT_HAS_EXPIRED') return { text: `${what}, but it or its issuer’s certificate has expired`, reason: code };
  if (code === 'CERT_NOT_YET_VALID') return { text: `${what}, but it or its issuer’s certificate is not valid yet`, reason: code };
  if (!UNTRUSTED.includes(code)) return undefined;
  const isForeign = shown !== undefined && isIotCoreHost(host) && !AWS_ISSUERS.test(`${shown.issuedBy} ${shown.issuer}`);
  const roots = certificatesIn(ca).map((root) => commonName(root) ?? root.subject.replaceAll('\n', ', '));
  return {
    text: `${what}, which ${roots.length > 0 ? `the root CA ${roots.join(' or ')}` : 'the root CA'} has not signed`,
    reason: isForeign ? INTERCEPTED : code,
  };
}

function nameOf(subject: DetailedPeerCertificate['subject'] | undefined): string {
  return first(subject?.CN) ?? first(subject?.O) ?? 'no name';
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
