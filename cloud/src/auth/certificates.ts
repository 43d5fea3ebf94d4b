// Stores and checks the certificates of robots. A robot announces its next certificate with the key of its current one
// (docs/reference/protocol.md, Device authentication), so the next certificate needs no manual registration.
import { createHash, X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { CERTIFICATE_NEXT_TYP } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import type { RowsMessage } from '../messages/index.ts';

/** Algorithms of the robots' signatures. */
export const DEVICE_ALGORITHMS = ['ES256', 'RS256'];

/** SHA-256 of the certificate (DER), base64url: `x5t#S256` of RFC 7515. */
export function fingerprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url');
}

export function isValidAt({ validFrom, validTo }: X509Certificate, nowMs: number): boolean {
  return nowMs >= Date.parse(validFrom) && nowMs <= Date.parse(validTo);
}

/** @param chain starts with the device's own certificate. @returns the fault; null if the chain leads to `ca`. */
export function chainFault(chain: readonly X509Certificate[], ca: X509Certificate, nowMs: number): string | null {
  // A chain may contain the CA itself. Its presence proves nothing, so it is left out.
  const own = chain.filter((certificate, i) => i === 0 || !certificate.raw.equals(ca.raw));
  for (const [i, certificate] of own.entries()) {
    const issuer = own[i + 1] ?? ca;
    if (!issuer.ca) return 'a certificate in the chain is signed by a certificate that is not a CA';
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return 'the chain does not lead to the CA of DEVICE_CA';
    if (!isValidAt(certificate, nowMs)) return 'a certificate in the chain has expired or is not valid yet';
  }
  return null;
}

/** Adds a certificate, or restores a revoked one. @returns its fingerprint; null if it belongs to another robot. */
export async function addCertificate(sql: Sql, thing: string, pem: string): Promise<string | null> {
  const certificate = new X509Certificate(pem);
  const rows = await sql.query<{ fingerprint: string }>(
    `insert into device_certificates as d (fingerprint, thing, certificate) values ($1, $2, $3)
    on conflict (fingerprint) do update set revoked_at = null where d.thing = excluded.thing returning fingerprint`,
    [fingerprintOf(certificate), thing, certificate.toString()],
  );
  return rows[0]?.fingerprint ?? null;
}

/** Also revokes a certificate that the cloud has never seen, because it could later arrive in a chain. @returns its fingerprint. */
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

export interface Announced {
  readonly thing: string;
  /** The reason for the refusal. Null if the cloud knows the announced certificate now. */
  readonly refused: string | null;
}

/**
 * Records the announced certificates. A certificate can announce only one successor. A repeated announcement changes nothing and does
 * not restore a revoked certificate. Must be called in the transaction that stores the events.
 */
export async function takeAnnouncements(sql: Sql, messages: readonly RowsMessage[], nowMs: number): Promise<Announced[]> {
  const taken: Announced[] = [];
  for (const { names, events } of messages) {
    for (const { known } of events) {
      if (known?.kind !== 'certificate_next') continue;
      taken.push({ thing: names.thing, refused: await takeAnnouncement(sql, names.thing, known.announcement, nowMs) });
    }
  }
  return taken;
}

/** @param thing the sender according to the topic. @returns the reason for a refusal, else null. */
async function takeAnnouncement(sql: Sql, thing: string, announcement: string, nowMs: number): Promise<string | null> {
  const signer = signerOf(announcement);
  if (signer === null) return 'this is not an announcement of a certificate';
  // The lock serializes two announcements by one certificate, so that the second is refused.
  const [known] = await sql.query<{ thing: string; certificate: string; revoked: boolean }>(
    `select thing, certificate, revoked_at is not null as revoked from device_certificates where fingerprint = $1 for update`,
    [signer],
  );
  if (!known) return `the cloud does not know the certificate that signed it: ${signer}`;
  if (known.thing !== thing) return 'it is signed with the certificate of another robot';
  if (known.revoked) return 'the certificate that signed it is revoked';
  const current = new X509Certificate(known.certificate);
  if (hasEnded(current, nowMs)) return 'the certificate that signed it has expired';
  const next = await announcedIn(announcement, current, thing);
  if (next === null) return 'its signature does not match the certificate that it names, or it is for another robot';
  if (next.ca || hasEnded(next, nowMs)) return 'the announced certificate is a CA or has expired';
  return recordSuccessor(sql, thing, signer, next);
}

function signerOf(announcement: string): string | null {
  try {
    const { typ, 'x5t#S256': fingerprint } = decodeProtectedHeader(announcement);
    return typ === CERTIFICATE_NEXT_TYP && typeof fingerprint === 'string' ? fingerprint : null;
  } catch {
    return null;
  }
}

async function announcedIn(announcement: string, { publicKey }: X509Certificate, thing: string): Promise<X509Certificate | null> {
  try {
    const options = { algorithms: DEVICE_ALGORITHMS, typ: CERTIFICATE_NEXT_TYP, issuer: thing };
    const { payload } = await jwtVerify(announcement, publicKey, options);
    return new X509Certificate(Buffer.from(String(payload.next), 'base64'));
  } catch {
    return null;
  }
}

async function recordSuccessor(sql: Sql, thing: string, signer: string, next: X509Certificate): Promise<string | null> {
  const fingerprint = fingerprintOf(next);
  const added = await sql.query(
    `insert into device_certificates (fingerprint, thing, certificate, announced_by) values ($1, $2, $3, $4)
    on conflict do nothing returning 1`,
    [fingerprint, thing, next.toString(), signer],
  );
  if (added.length > 0) return null;
  const [known] = await sql.query<{ thing: string }>('select thing from device_certificates where fingerprint = $1', [fingerprint]);
  if (known?.thing === thing) return null;
  return known ? 'it announces the certificate of another robot' : 'the certificate that signed it has already announced another one';
}

function hasEnded({ validTo }: X509Certificate, nowMs: number): boolean {
  return nowMs > Date.parse(validTo);
}
