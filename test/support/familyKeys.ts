// Devices of a family: keys that sign commands with jose, and an authenticator of WebAuthn.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import canonicalize from 'canonicalize';
import { CompactSign, calculateJwkThumbprint, exportJWK } from 'jose';
import { type Passkey, type PresentedKey, publicJwk, publicKeyOf } from '../../src/signing/familyKey.ts';
import { type FamilyKey, fingerprintOf } from '../../src/signing/index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The signed text of a command, written from docs/reference/protocol.md. */
export function signedText({ thing, command, args, value, id, issued_at, expires_at }: Fields): string {
  const given = args ?? (value === undefined ? {} : { value });
  return canonicalize({ thing, command, args: given, id, issued_at, expires_at }) ?? '';
}

export interface Phone {
  readonly privateKey: KeyObject;
  readonly kid: string;
  readonly alg: string;
  readonly paired: FamilyKey;
  /** Adds the signature to a command. @param header replaces fields of the JWS header. */
  sign(command: Fields, header?: Fields, text?: string): Promise<Fields>;
}

export async function phone(alg: 'ES256' | 'EdDSA' = 'ES256', name = 'Anna’s phone'): Promise<Phone> {
  const pair = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const jwk = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    privateKey: pair.privateKey,
    kid,
    alg,
    paired: pairedKey({ jwk: publicJwk.parse(jwk) }, name),
    sign: async (command, header = {}, text = signedText(command)) => {
      const jws = await new CompactSign(Buffer.from(text)).setProtectedHeader({ alg, kid, ...header }).sign(pair.privateKey);
      const [first, , last] = jws.split('.');
      return { ...command, sig: `${first}..${last}` };
    },
  };
}

/** A key as the robot pins it. */
export function pairedKey(key: PresentedKey, name = 'Anna’s phone'): FamilyKey {
  return { ...key, kid: fingerprintOf(key), name, paired_at: 0, publicKey: publicKeyOf(key) };
}

const sha256 = (input: string | Buffer) => createHash('sha256').update(input).digest();

export interface Ceremony {
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  readonly crossOrigin?: boolean;
  readonly flags?: number;
  readonly text?: string;
}

/** A phone with a passkey, as an app uses it in the browser. */
export function authenticator(alg: 'ES256' | 'EdDSA' = 'ES256', over: Partial<Passkey> = {}) {
  const pair = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const webauthn = {
    credential_id: sha256(String(performance.now())).toString('base64url'),
    rp_id: 'family.example.org',
    origin: 'https://family.example.org',
    user_verification: true,
    ...over,
  };
  const paired = pairedKey({ jwk: publicJwk.parse(pair.publicKey.export({ format: 'jwk' })), webauthn });
  /** The assertion as `PublicKeyCredential.toJSON()` returns it. */
  const assert = (command: Fields, ceremony: Ceremony = {}) => {
    const { origin = webauthn.origin, rpId = webauthn.rp_id, type = 'webauthn.get', crossOrigin = false, flags = 0x05 } = ceremony;
    const challenge = sha256(ceremony.text ?? signedText(command)).toString('base64url');
    const clientData = Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin }));
    const authenticatorData = Buffer.concat([sha256(rpId), Buffer.from([flags, 0, 0, 0, 0])]);
    const signature = sign(alg === 'ES256' ? 'sha256' : null, Buffer.concat([authenticatorData, sha256(clientData)]), pair.privateKey);
    return {
      id: webauthn.credential_id,
      rawId: webauthn.credential_id,
      type: 'public-key',
      authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response: {
        authenticatorData: authenticatorData.toString('base64url'),
        clientDataJSON: clientData.toString('base64url'),
        signature: signature.toString('base64url'),
      },
    };
  };
  return { paired, sign: (command: Fields, ceremony?: Ceremony) => ({ ...command, sig: assert(command, ceremony) }) };
}
