// Decides whether a family key signed a command, in one of two forms: a detached JWS, or an assertion of WebAuthn.
import { canonicalCommand, type SignedCommand } from './canonical.ts';
import type { FamilyKey } from './familyKey.ts';
import { verifyJws } from './jws.ts';
import { assertion, sha256, verifyAssertion } from './webauthn.ts';

/** @returns the key that signed the command, or the reason why the signature does not count. */
export function verifySignature(command: SignedCommand, sig: unknown, keys: readonly FamilyKey[]): FamilyKey | string {
  let text: string;
  try {
    text = canonicalCommand(command);
  } catch {
    return 'the command has no canonical form (RFC 8785): a text has a lone surrogate, or a number is too large';
  }
  if (typeof sig === 'string') return verifyJws(text, sig, keys);
  const { data } = assertion.safeParse(sig);
  return data ? verifyAssertion(sha256(text), data, keys) : 'sig is neither a detached JWS nor an assertion of WebAuthn';
}
