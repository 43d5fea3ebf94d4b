// The robots' certificates: the known certificates, and chains to a CA.
import { createHash, X509Certificate } from 'node:crypto';
import type { Sql } from '../database/index.ts';

/** SHA-256 of the certificate (DER), base64url: `x5t#S256` of RFC 7515. */
export function fingerprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url');
}

/** @param chain the device's own certificate first. @returns the problem; null if the chain leads to `ca`. */
export function chainProblem(chain: readonly X509Certificate[], ca: X509Certificate, nowMs: number): string | null {
  // A chain may end with the CA itself, which proves nothing.
  const own = chain.filter((certificate, i) => i === 0 || !certificate.raw.equals(ca.raw));
  for (const [i, certificate] of own.entries()) {
    const issuer = own[i + 1] ?? ca;
    if (!issuer.ca) return 'a certificate of the chain is signed by one that is no CA';
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return 'the chain does not lead to the CA of DEVICE_CA';
    if (nowMs < Date.parse(certificate.validFrom) || nowMs > Date.parse(certificate.validTo))
      return 'a certificate of the chain has expired';
  }
  return null;
}

/** Also restores a revoked certificate. @returns its fingerprint; null if it belongs to another robot. */
export async function addCertificate(sql: Sql, thing: string, pem: string): Promise<string | null> {
  const certificate = new X509Certificate(pem);
  const rows = await sql.query<{ fingerprint: string }>(
    `insert into device_certificates as d (fingerprint, thing, certificate) values ($1, $2, $3)
    on conflict (fingerprint) do update set revoked_at = null where d.thing = excluded.thing returning fingerprint`,
    [fingerprintOf(certificate), thing, certificate.toString()],
  );
  return rows[0]?.fingerprint ?? null;
}

/** Also takes a certificate that the cloud has never seen, since it may arrive with a chain. @returns its fingerprint. */
export async function revokeCertificate(sql: Sql, thing: string, pem: string): Promise<string> {
  const certificate = new X509Certificate(pem);
  const fingerprint = fingerprintOf(certificate);
  await sql.query(
    `insert into device_certificates (fingerprint, thing, certificate, revoked_at) values ($1, $2, $3, clock_timestamp())
    on conflict (fingerprint) do update set revoked_at = coalesce(device_certificates.revoked_at, clock_timestamp())`,
    [fingerprint, thing, certificate.toString()],
  );
  return fingerprint;
}
