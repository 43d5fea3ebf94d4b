// Signs a command with a private key, as an app of the family does. For developers and test benches: the robot holds no such key.
import type { KeyObject } from 'node:crypto';
import type { Command } from '../wire/index.ts';
import { canonicalCommand, type SignedCommand } from './canonical.ts';
import { algorithmsOf, fingerprintOf, publicJwk } from './familyKey.ts';

/** A command with all fields that a signature covers. */
export type Signable = Command & Omit<SignedCommand, 'args'>;

/** @returns the command with `sig`. @throws Error if the key is neither EC P-256 nor Ed25519, or the command has no canonical form */
export async function signCommand(command: Signable, key: KeyObject): Promise<Signable> {
  const jwk = publicJwk.safeParse(key.export({ format: 'jwk' })).data;
  if (!jwk) throw new Error('the key is neither EC P-256 nor Ed25519');
  const args = command.args ?? (command.value === undefined ? {} : { value: command.value });
  const text = canonicalCommand({ ...command, args });
  const protectedHeader = { alg: algorithmsOf({ jwk })[0] ?? '', kid: fingerprintOf({ jwk }) };
  const { CompactSign } = await import('jose');
  const jws = await new CompactSign(new TextEncoder().encode(text)).setProtectedHeader(protectedHeader).sign(key);
  const [header, , signature] = jws.split('.');
  return { ...command, sig: `${header}..${signature}` };
}
