// Defines a family key: the public key of a phone or another device of the family, by which the robot recognises signed commands.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { base32crockford } from '@scure/base';
import * as z from 'zod';
import { canonicalJson } from './canonical.ts';

/** Base64url of 32 bytes: a coordinate of P-256, or a public key of Ed25519. */
const COORDINATE = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected 32 bytes as base64url');

/** Members that a JWK does not need, such as `alg`, are dropped. */
export const publicJwk = z.union([
  z.object({ crv: z.literal('P-256'), kty: z.literal('EC'), x: COORDINATE, y: COORDINATE }),
  z.object({ crv: z.literal('Ed25519'), kty: z.literal('OKP'), x: COORDINATE }),
]);

export const passkey = z.strictObject({
  /** The credential's id, as base64url. */
  credential_id: z.string().regex(/^[A-Za-z0-9_-]{1,1366}$/, 'expected base64url'),
  /** The domain for which the passkey was created. */
  rp_id: z.string().min(1).max(253),
  /** The only page that may ask for a signature, such as `https://family.example.org`. */
  origin: z.url().max(300),
  /** Whether each signature needs a finger, a face or a PIN, in addition to a touch. */
  user_verification: z.boolean(),
});
export type Passkey = z.infer<typeof passkey>;

/** A key as its owner presents it. With `webauthn` it is a passkey, which signs only assertions of WebAuthn. */
export const presentedKey = z.strictObject({ jwk: publicJwk, webauthn: passkey.optional() });
export type PresentedKey = z.infer<typeof presentedKey>;

export interface FamilyKey extends PresentedKey {
  /** The key's id, see {@link fingerprintOf}. */
  readonly kid: string;
  /** For people, such as `Anna’s phone`. */
  readonly name: string;
  /** Wall time in milliseconds since the Unix epoch. */
  readonly paired_at: number;
  readonly publicKey: KeyObject;
}

/**
 * Returns SHA-256 of everything that the robot pins, as base64url. For a plain key, this is the thumbprint of its JWK (RFC 7638), which apps
 * can compute with their JOSE library.
 */
export function fingerprintOf({ jwk, webauthn }: PresentedKey): string {
  const pinned = webauthn === undefined ? jwk : { jwk, webauthn };
  return createHash('sha256').update(canonicalJson(pinned)).digest('base64url');
}

/** 100 bits: an attacker would have to create about 2^100 keys to find one that shows the same characters. */
const SHOWN_BYTES = 13;
const SHOWN_CHARACTERS = 20;

/** Shortens a fingerprint for a comparison by eye: five groups of four characters without I, L, O and U. */
export function shownFingerprint(kid: string): string {
  const text = base32crockford.encode(Buffer.from(kid, 'base64url').subarray(0, SHOWN_BYTES)).slice(0, SHOWN_CHARACTERS);
  return (text.match(/.{4}/g) ?? []).join('-');
}

/** @throws Error if the key is not a point of its curve. */
export function publicKeyOf({ jwk }: PresentedKey): KeyObject {
  return createPublicKey({ format: 'jwk', key: jwk });
}

/** The signature algorithms of JOSE for the key's curve. RFC 9864 renames EdDSA with this curve to Ed25519. */
export function algorithmsOf({ jwk }: PresentedKey): readonly string[] {
  return jwk.crv === 'P-256' ? ['ES256'] : ['EdDSA', 'Ed25519'];
}
