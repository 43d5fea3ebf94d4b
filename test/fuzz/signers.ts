// Devices that sign commands rightly, wrongly and hostilely. The register of what each one really signed is the truth for the checker, which
// therefore verifies no signature itself.
import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import canonicalize from 'canonicalize';
import { publicJwk } from '../../src/signing/familyKey.ts';
import type { FamilyKey } from '../../src/signing/index.ts';
import { pairedKey } from '../support/familyKeys.ts';

type Json = Readonly<Record<string, unknown>>;

export const DEVICES = ['anna', 'bert', 'passkey', 'stranger'] as const;
export type Device = (typeof DEVICES)[number];

export const WAYS = ['right', 'other', 'none', 'hmac', 'jwk', 'crit', 'kid', 'attached', 'earlier', 'odd'] as const;
export type Way = (typeof WAYS)[number];

const PAIRS = {
  anna: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  bert: generateKeyPairSync('ed25519'),
  passkey: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  stranger: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
} as const satisfies Record<Device, { privateKey: KeyObject; publicKey: KeyObject }>;

const PASSKEY = { credential_id: 'Y3JlZA', rp_id: 'family.example.org', origin: 'https://family.example.org', user_verification: true };

export const KEYS = Object.fromEntries(
  DEVICES.map((device) => {
    const jwk = publicJwk.parse(PAIRS[device].publicKey.export({ format: 'jwk' }));
    return [device, pairedKey(device === 'passkey' ? { jwk, webauthn: PASSKEY } : { jwk }, device)];
  }),
) as Readonly<Record<Device, FamilyKey>>;

/** By the text of each signature: who signed, and what. */
const SIGNED = new Map<string, { readonly device: Device; readonly fields: unknown }>();
/** Signatures that a later message may carry again. */
const EARLIER: unknown[] = [];
const MOST = 10_000;

/** The fields that a signature covers, read from the message itself. */
function fieldsOf({ thing, command, args, value, id, issued_at, expires_at }: Json): Json {
  const given = args ?? (value === undefined ? {} : { value });
  // Through JSON, so that -0 equals 0.
  return JSON.parse(JSON.stringify({ thing, command, args: given, id, issued_at, expires_at })) as Json;
}

/** Whether one of these devices signed exactly this message. */
export function isSignedBy(paired: readonly Device[], message: Json): boolean {
  const found = SIGNED.get(JSON.stringify(message.sig));
  if (found === undefined || !paired.includes(found.device)) return false;
  // A comparison of thousands of nested arrays would overflow the stack. No command has such an argument.
  return !/\[{99}/.test(JSON.stringify(message)) && isDeepStrictEqual(found.fields, fieldsOf(message));
}

/** Adds a signature to a message, unless it is no JSON object. */
export function withSignature(text: string, device: Device, way: Way): string {
  let sig: unknown;
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null || Array.isArray(message)) return text;
    sig = signatureOf(message as Json, device, way);
  } catch {
    // The message has no canonical form.
    return text;
  }
  return `${text.slice(0, -1)},"sig":${JSON.stringify(sig)}}`;
}

function signatureOf(message: Json, device: Device, way: Way): unknown {
  if (way === 'earlier') return EARLIER.at(-1 - (EARLIER.length % 7)) ?? 'none';
  if (way === 'odd') return [null, 7, '', '..', {}, { id: PASSKEY.credential_id, response: {} }][EARLIER.length % 6];
  const fields = way === 'other' ? { ...fieldsOf(message), args: { linear: 0.3 } } : fieldsOf(message);
  const sig = device === 'passkey' ? assertion(fields, way) : jws(fields, device, way);
  const isTrue = way === 'right' || way === 'other';
  if (isTrue) SIGNED.set(JSON.stringify(sig), { device, fields });
  if (SIGNED.size > MOST) SIGNED.delete(SIGNED.keys().next().value ?? '');
  EARLIER.push(sig);
  if (EARLIER.length > MOST) EARLIER.shift();
  return sig;
}

const base64url = (input: string | Buffer) => Buffer.from(input).toString('base64url');
const sha256 = (input: string | Buffer) => createHash('sha256').update(input).digest();

function jws(fields: Json, device: Exclude<Device, 'passkey'>, way: Way): string {
  const { privateKey } = PAIRS[device];
  const usual = device === 'bert' ? 'EdDSA' : 'ES256';
  const header = {
    alg: way === 'none' ? 'none' : way === 'hmac' ? 'HS256' : usual,
    kid: KEYS[way === 'kid' ? (device === 'anna' ? 'bert' : 'anna') : device].kid,
    ...(way === 'jwk' ? { jwk: KEYS[device].jwk } : {}),
    ...(way === 'crit' ? { b64: true, crit: ['b64'] } : {}),
  };
  const payload = base64url(canonicalize(fields) ?? '');
  const first = base64url(JSON.stringify(header));
  const input = Buffer.from(`${first}.${payload}`);
  const signature =
    way === 'none'
      ? Buffer.alloc(0)
      : way === 'hmac'
        ? createHmac('sha256', JSON.stringify(KEYS[device].jwk)).update(input).digest()
        : sign(device === 'bert' ? null : 'sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${first}.${way === 'attached' ? payload : ''}.${base64url(signature)}`;
}

/** With other ways than `right` and `other`, the assertion has one wrong part. */
function assertion(fields: Json, way: Way): Json {
  const client = {
    type: way === 'none' ? 'webauthn.create' : 'webauthn.get',
    challenge: base64url(way === 'hmac' ? 'x' : sha256(canonicalize(fields) ?? '')),
    origin: way === 'jwk' ? 'https://evil.example.org' : PASSKEY.origin,
    crossOrigin: way === 'crit',
  };
  const flags = way === 'kid' ? 0x01 : 0x05;
  const authenticatorData = Buffer.concat([sha256(way === 'attached' ? 'example.org' : PASSKEY.rp_id), Buffer.from([flags, 0, 0, 0, 1])]);
  const clientDataJSON = Buffer.from(JSON.stringify(client));
  const signature = sign('sha256', Buffer.concat([authenticatorData, sha256(clientDataJSON)]), PAIRS.passkey.privateKey);
  const response = {
    authenticatorData: base64url(authenticatorData),
    clientDataJSON: base64url(clientDataJSON),
    signature: base64url(signature),
  };
  return { id: PASSKEY.credential_id, response };
}
