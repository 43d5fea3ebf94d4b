// Verifies a detached JWS (RFC 7515, appendix F) by a family key: `HEADER..SIGNATURE`. Synchronous, so that the admission of a command stays
// one step that no other command can interrupt.
import { verify } from 'node:crypto';
import * as z from 'zod';
import { parseJson } from '../base/index.ts';
import { algorithmsOf, type FamilyKey } from './familyKey.ts';

/** An ES256 signature with its key id has 232 characters. */
const MAX_CHARACTERS = 512;

/** Both algorithms have signatures of 64 bytes in JOSE. */
const SIGNATURE_BYTES = 64;

/** All that a header may contain. So it can neither bring its own key (`jwk`, `x5c`, `jku`) nor change the rules (`crit`, `b64`). */
const header = z.strictObject({ alg: z.string(), kid: z.string() });

/** @returns the key, or the reason why the signature does not count. */
export function verifyJws(text: string, sig: string, keys: readonly FamilyKey[]): FamilyKey | string {
  if (sig.length > MAX_CHARACTERS) return `the signature has ${sig.length} characters; at most ${MAX_CHARACTERS} are read`;
  const [protectedHeader = '', payload, signature = '', ...more] = sig.split('.');
  if (payload !== '' || more.length > 0) return 'the signature is not a detached JWS, HEADER..SIGNATURE';
  const [headerBytes, signatureBytes] = [bytesOf(protectedHeader), bytesOf(signature)];
  const parsed = header.safeParse(parseJson(headerBytes));
  if (!parsed.success) return `the header of the JWS must contain exactly alg and kid: ${parsed.error.issues[0]?.message}`;
  const { alg, kid } = parsed.data;
  const key = keys.find((each) => each.kid === kid && each.webauthn === undefined);
  if (!key) return unknownKey(kid);
  if (!algorithmsOf(key).includes(alg)) return `alg ${alg.slice(0, 20)} does not fit the key, which signs with ${algorithmsOf(key)[0]}`;
  const signed = Buffer.from(`${protectedHeader}.${Buffer.from(text).toString('base64url')}`);
  const isValid =
    signatureBytes?.length === SIGNATURE_BYTES &&
    (key.jwk.crv === 'P-256'
      ? verify('sha256', signed, { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, signatureBytes)
      : verify(null, signed, key.publicKey, signatureBytes));
  return isValid ? key : 'the signature does not fit the command: a field was changed, or another text was signed';
}

export function unknownKey(kid: string): string {
  return `key ${kid.slice(0, 60)} is not paired with this robot, or was revoked; elderly-bot pair list on the robot shows its keys`;
}

/** Decodes base64url strictly, so that one signature has one form. @returns undefined if the text is not base64url. */
export function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
