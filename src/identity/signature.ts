// Signs statements with the key of the robot's certificate, and verifies them. A signed statement is a JWS that contains the certificate,
// so that a reader learns who signed it even after the robot is gone. Whether to trust that certificate is the reader's decision.
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { factsOf } from './facts.ts';

/** The kind of the statement about a backup: `{iss, sha256, size}` of the bytes after its first line. */
export const BACKUP_TYP = 'elderly-bot-backup+jwt';

/** JWS algorithms by the curve of the key (RFC 7518, RFC 8037). */
const BY_CURVE: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/** @returns undefined if a key of this kind cannot sign a JWS. */
export function algorithmOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  return BY_CURVE[key.asymmetricKeyDetails?.namedCurve ?? ''];
}

/** The certificate's `x5t#S256`, as defined in RFC 7515. */
export function fingerprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url');
}

/**
 * @param typ the kind of the statement. Nothing else that the robot signs can be passed off as a statement of this kind.
 * @returns a JWS; undefined if a key of this kind cannot sign one.
 */
export async function signStatement(
  { cert, key }: { readonly cert: string; readonly key: string },
  typ: string,
  statement: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const privateKey = createPrivateKey(key);
  const alg = algorithmOf(privateKey);
  if (alg === undefined) return undefined;
  const { SignJWT } = await import('jose');
  const x5c = [new X509Certificate(cert).raw.toString('base64')];
  return new SignJWT({ ...statement }).setProtectedHeader({ alg, typ, x5c }).sign(privateKey);
}

interface Statement {
  /** The id that IoT Core gives to the signer's certificate. */
  readonly signer: string;
  readonly payload: unknown;
}

const header = z.object({ x5c: z.tuple([z.string()]) });

/** @returns undefined if the signature is not that of the certificate in it, or the statement is of another kind. */
export async function readStatement(jws: string, typ: string): Promise<Statement | undefined> {
  const { decodeProtectedHeader, jwtVerify } = await import('jose');
  try {
    const { x5c } = header.parse(decodeProtectedHeader(jws));
    const certificate = new X509Certificate(Buffer.from(x5c[0], 'base64'));
    const alg = algorithmOf(certificate.publicKey);
    if (alg === undefined) return undefined;
    const { payload } = await jwtVerify(jws, certificate.publicKey, { algorithms: [alg], typ });
    return { signer: factsOf(certificate).certificate_id, payload };
  } catch {
    return undefined;
  }
}
