// Verifies an assertion of WebAuthn (https://www.w3.org/TR/webauthn-3/#sctn-verifying-assertion) by a passkey that the robot pinned. Its
// challenge is SHA-256 of the canonical command. The sign counter is ignored: synchronised passkeys always send 0, and a copied assertion is
// already refused by the command's id.
import { createHash, verify } from 'node:crypto';
import * as z from 'zod';
import { parseJson } from '../base/index.ts';
import type { FamilyKey, Passkey } from './familyKey.ts';
import { bytesOf, unknownKey } from './jws.ts';

const base64url = (bytes: number) => z.string().max(Math.ceil((bytes * 4) / 3));

/** The fields that are read of what `PublicKeyCredential.toJSON()` returns. */
export const assertion = z.object({
  id: base64url(1_023),
  response: z.object({ authenticatorData: base64url(1_024), clientDataJSON: base64url(2_048), signature: base64url(128) }),
});
type Assertion = z.infer<typeof assertion>;

const clientData = z.object({
  type: z.literal('webauthn.get'),
  challenge: z.string(),
  origin: z.string(),
  crossOrigin: z.boolean().default(false),
});

const RP_ID_HASH_BYTES = 32;
/** The hash, the flags and the sign counter. */
const LEAST_BYTES = RP_ID_HASH_BYTES + 1 + 4;
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;

/** @param challenge SHA-256 of the canonical command. @returns the key, or the reason why the assertion does not count. */
export function verifyAssertion(challenge: Buffer, { id, response }: Assertion, keys: readonly FamilyKey[]): FamilyKey | string {
  const key = keys.find(({ webauthn }) => webauthn?.credential_id === id);
  if (!key?.webauthn) return unknownKey(id);
  const clientBytes = bytesOf(response.clientDataJSON);
  const authenticator = bytesOf(response.authenticatorData);
  const signature = bytesOf(response.signature);
  if (!clientBytes || !authenticator || !signature) return 'the assertion is not base64url';
  const fault = clientFault(clientBytes, challenge, key.webauthn) ?? authenticatorFault(authenticator, key.webauthn);
  if (fault !== undefined) return fault;
  const signed = Buffer.concat([authenticator, sha256(clientBytes)]);
  const isValid = verify(key.jwk.crv === 'P-256' ? 'sha256' : null, signed, key.publicKey, signature);
  return isValid ? key : 'the signature does not fit the assertion';
}

function clientFault(bytes: Buffer, challenge: Buffer, { origin }: Passkey): string | undefined {
  const { data } = clientData.safeParse(parseJson(bytes));
  if (!data) return 'clientDataJSON is not an assertion’s (type webauthn.get)';
  if (data.origin !== origin) return `the assertion was made on ${data.origin.slice(0, 100)}; the key was paired for ${origin}`;
  if (data.crossOrigin) return 'the assertion was made in a frame of another site';
  const isOurs = data.challenge === challenge.toString('base64url');
  return isOurs ? undefined : 'the challenge does not fit the command: a field was changed, or another text was signed';
}

function authenticatorFault(bytes: Buffer, { rp_id: rpId, user_verification: needsVerification }: Passkey): string | undefined {
  if (bytes.length < LEAST_BYTES) return 'authenticatorData is too short';
  if (!bytes.subarray(0, RP_ID_HASH_BYTES).equals(sha256(rpId))) return `the assertion is not for ${rpId}`;
  const flags = bytes.readUInt8(RP_ID_HASH_BYTES);
  if ((flags & USER_PRESENT) === 0) return 'the authenticator was not touched (user presence)';
  if (needsVerification && (flags & USER_VERIFIED) === 0) return 'the user was not verified, by a finger, a face or a PIN';
  return undefined;
}

export function sha256(input: string | Buffer): Buffer {
  return createHash('sha256').update(input).digest();
}
