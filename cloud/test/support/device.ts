// Creates robots for the API: a certificate of a bench CA, and tokens signed with its key.
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import type { DevCa, LeafOptions } from '../../../src/identity/index.ts';
import { addCertificate, fingerprintOf } from '../../src/auth/certificates.ts';
import type { Sql } from '../../src/database/database.ts';
import { ORIGIN } from './api.ts';
import { newThing } from './robot.ts';

export interface Device {
  readonly thing: string;
  readonly certificate: X509Certificate;
  readonly key: string;
}

export async function makeDevice(
  ca: DevCa,
  { thing = newThing(), ...options }: Partial<LeafOptions> & { thing?: string } = {},
): Promise<Device> {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-device-'));
  const files = await ca.issue(folder, 'robot', { name: thing, ...options });
  const device = { thing, certificate: new X509Certificate(readFileSync(files.cert)), key: readFileSync(files.key, 'utf8') };
  rmSync(folder, { recursive: true });
  return device;
}

/** Adds the certificate like `elderly-bot-cloud device add`. */
export async function addDevice(sql: Sql, { thing, certificate }: Device): Promise<void> {
  await addCertificate(sql, thing, certificate.toString());
}

type ChangedClaims = { readonly [Claim in keyof JWTPayload]?: JWTPayload[Claim] | undefined };

/** A token according to docs/reference/protocol.md (Device authentication), with the given changes. It omits undefined claims. */
export function deviceToken(by: Device, claims: ChangedClaims = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  const { thing, certificate, key } = by;
  const exp = Math.floor(Date.now() / 1_000) + 240;
  return new SignJWT({ iss: thing, sub: thing, aud: ORIGIN, exp, jti: randomUUID(), ...claims } as JWTPayload)
    .setProtectedHeader({ alg: 'ES256', 'x5t#S256': fingerprintOf(certificate), ...header })
    .sign(createPrivateKey(key));
}
