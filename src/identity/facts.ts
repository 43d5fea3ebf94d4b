// Describes a certificate for people and programs: in the log, and in `elderly-bot certs show`.
import { createHash, type X509Certificate } from 'node:crypto';
import { validity } from './pem.ts';

export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  /** The id that IoT Core gives to the certificate: the SHA-256 of its DER form. */
  readonly certificate_id: string;
  readonly valid_from: string;
  readonly valid_to: string;
}

export function factsOf(certificate: X509Certificate): CertificateFacts {
  const [from, to] = validity(certificate).map((ms) => new Date(ms).toISOString());
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber,
    certificate_id: createHash('sha256').update(certificate.raw).digest('hex'),
    valid_from: from ?? '',
    valid_to: to ?? '',
  };
}

/** Node.js puts each part of a distinguished name on a line of its own. */
export function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
