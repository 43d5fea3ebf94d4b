// A robot's next certificate, announced with the key of the one it has (docs/reference/protocol.md, Device authentication), so that nobody has to add it by hand. A
// certificate announces one successor, once; what is announced again changes nothing, and gives nothing back that was revoked.
import { X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { CERTIFICATE_NEXT_TYP } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import type { RowsMessage } from '../messages/index.ts';
import { fingerprintOf } from './certificates.ts';

export interface Announced {
  readonly thing: string;
  /** Null: it is known now, or was before. */
  readonly refused: string | null;
}

/** Called in the transaction that stores the events. */
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

/** @param thing who said it, by the topic. @returns why not. */
async function takeAnnouncement(sql: Sql, thing: string, announcement: string, nowMs: number): Promise<string | null> {
  const by = signerOf(announcement);
  if (by === null) return 'it is no announcement of a certificate';
  // Locked, so that of two successors announced at once one is refused.
  const [signer] = await sql.query<{ thing: string; certificate: string; revoked: boolean }>(
    `select thing, certificate, revoked_at is not null as revoked from device_certificates where fingerprint = $1 for update`,
    [by],
  );
  if (!signer) return `the certificate that signed it is not known here: ${by}`;
  if (signer.thing !== thing) return 'it is signed with the certificate of another robot';
  if (signer.revoked) return 'the certificate that signed it is revoked';
  const old = new X509Certificate(signer.certificate);
  if (hasEnded(old, nowMs)) return 'the certificate that signed it has ended';
  const next = await nextIn(announcement, old, thing);
  if (next === null) return 'its signature is not that of the certificate it names, or it is for another robot';
  if (next.ca || hasEnded(next, nowMs)) return 'the certificate that it announces is a CA, or has ended';
  return record(sql, { thing, by, next });
}

function signerOf(announcement: string): string | null {
  try {
    const { typ, 'x5t#S256': fingerprint } = decodeProtectedHeader(announcement);
    return typ === CERTIFICATE_NEXT_TYP && typeof fingerprint === 'string' ? fingerprint : null;
  } catch {
    return null;
  }
}

async function nextIn(announcement: string, { publicKey }: X509Certificate, thing: string): Promise<X509Certificate | null> {
  try {
    const { payload } = await jwtVerify(announcement, publicKey, {
      algorithms: ['ES256', 'RS256'],
      typ: CERTIFICATE_NEXT_TYP,
      issuer: thing,
    });
    return new X509Certificate(Buffer.from(String(payload.next), 'base64'));
  } catch {
    return null;
  }
}

async function record(sql: Sql, { thing, by, next }: { thing: string; by: string; next: X509Certificate }): Promise<string | null> {
  const fingerprint = fingerprintOf(next);
  const added = await sql.query(
    `insert into device_certificates (fingerprint, thing, certificate, announced_by) values ($1, $2, $3, $4)
    on conflict do nothing returning 1`,
    [fingerprint, thing, next.toString(), by],
  );
  if (added.length > 0) return null;
  const [known] = await sql.query<{ thing: string }>('select thing from device_certificates where fingerprint = $1', [fingerprint]);
  if (known?.thing === thing) return null;
  return known ? 'it announces the certificate of another robot' : 'the certificate that signed it has announced another one already';
}

function hasEnded({ validTo }: X509Certificate, nowMs: number): boolean {
  return nowMs > Date.parse(validTo);
}
