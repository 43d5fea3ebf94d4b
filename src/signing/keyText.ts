// Reads keys in the forms in which people have them: a JWK, a PEM file, or the description of a passkey.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { messageOf, parseJson, readSmallFile } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type PresentedKey, presentedKey, publicJwk, publicKeyOf } from './familyKey.ts';

const FORMS = 'expected a public key of EC P-256 or Ed25519: a JWK, a PEM file, or {"jwk": …, "webauthn": …} for a passkey';

/** @param label names the source in error messages. @throws AgentError FAMILY_KEY_INVALID */
export function presentedKeyOf(text: string, label: string): PresentedKey {
  const json = parseJson(text);
  if (hasPrivatePart(json)) {
    throw invalid(`${label} is a private key`, 'it must not leave its device: create a new key there, and give its public half');
  }
  const key = json === undefined ? fromPem(text, label) : fromJson(json, label);
  try {
    publicKeyOf(key);
  } catch (cause) {
    throw invalid(`${label}: ${messageOf(cause)}`, 'the coordinates are not a point of the curve');
  }
  return key;
}

function fromJson(json: unknown, label: string): PresentedKey {
  const bare = publicJwk.safeParse(json);
  if (bare.success) return { jwk: bare.data };
  const full = presentedKey.safeParse(json);
  if (full.success) return full.data;
  const issue = full.error.issues[0];
  const isFull = typeof json === 'object' && json !== null && 'jwk' in json;
  throw invalid(isFull && issue ? `${label}: ${issue.path.join('.')}: ${issue.message}` : `${label} has another form`, FORMS);
}

/** Takes the public half of a PEM file with a private key, as a developer has it. */
function fromPem(pem: string, label: string): PresentedKey {
  try {
    return { jwk: publicJwk.parse(createPublicKey(pem).export({ format: 'jwk' })) };
  } catch (cause) {
    throw invalid(`${label} has another form`, FORMS, cause);
  }
}

function hasPrivatePart(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  return 'd' in json || ('jwk' in json && hasPrivatePart(json.jwk));
}

/** Reads a private key to sign with, as PEM. @throws AgentError FAMILY_KEY_INVALID, KEY_PERMISSIONS */
export function readSigningKey(file: string): KeyObject {
  let found: ReturnType<typeof readSmallFile>;
  try {
    found = readSmallFile(file);
  } catch (cause) {
    throw invalid(`${file}: ${messageOf(cause)}`, 'openssl genpkey -algorithm ed25519 -out FILE creates a key', cause);
  }
  if ((found.mode & 0o077) !== 0) {
    const text = `${file} has mode 0${found.mode.toString(8)}: others can read it`;
    throw new AgentError('KEY_PERMISSIONS', text, { remedy: `chmod 600 ${file}` });
  }
  try {
    return createPrivateKey(found.text);
  } catch (cause) {
    throw invalid(`${file} is not a private key in PEM without a passphrase`, 'give the key of a paired device', cause);
  }
}

function invalid(message: string, remedy: string, cause?: unknown): AgentError {
  return new AgentError('FAMILY_KEY_INVALID', message, { remedy, cause });
}
