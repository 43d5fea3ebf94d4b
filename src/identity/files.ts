// Reads the three files for a mutual TLS connection: the root CA, the certificate and its key. Refuses files that are unusable or unsafe,
// such as a key that other users can read, or one that belongs to another certificate. Accepts expired certificates, because the clock may
// be wrong.
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { codeOf, messageOf, readSmallFile, readSmallFileLater, type SmallFile } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { isLooseKey } from './looseKey.ts';
import { blocksOf, certificatesIn, describePem, privateKeyIn, validity } from './pem.ts';
import { type SlotName, Slots } from './slots.ts';

export interface CredentialPaths {
  readonly rootCa: string;
  readonly certFile: string;
  readonly privateKey: string;
  /** The source of the files, such as `slot a`, for error messages. Undefined if the paths are from the configuration. */
  readonly origin?: string;
}

export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly certificate: X509Certificate;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Paths from the configuration; null if not set. */
interface ConfiguredPaths {
  readonly root_ca: string | null;
  readonly cert_file: string | null;
  readonly private_key: string | null;
}

/** The root CA of IoT Core's endpoints (AWS IoT developer guide, Server authentication). Valid until 2038. */
export const AMAZON_ROOT_CA = fileURLToPath(new URL('../../certs/AmazonRootCA1.pem', import.meta.url));

/** Returns the configured paths or, if not set, those of the slot in use. @throws AgentError CERTIFICATE_MISSING if there is neither */
export function identityPaths(given: ConfiguredPaths, stateDir: string): CredentialPaths {
  const { root_ca: rootCa, cert_file: certFile, private_key: privateKey } = given;
  if (certFile !== null && privateKey !== null) return { rootCa: rootCa ?? AMAZON_ROOT_CA, certFile, privateKey };
  const slots = new Slots(stateDir);
  return slotPaths(slots, currentOf(slots), rootCa);
}

/** @param rootCa the configured root CA, which takes precedence over the slot's own. */
export function slotPaths(slots: Slots, slot: SlotName, rootCa: string | null): CredentialPaths {
  const own = slots.path(slot, 'rootCa');
  const root = rootCa ?? (existsSync(own) ? own : AMAZON_ROOT_CA);
  return { rootCa: root, certFile: slots.path(slot, 'cert'), privateKey: slots.path(slot, 'key'), origin: `slot ${slot}` };
}

function currentOf(slots: Slots): SlotName {
  let current: SlotName | undefined;
  try {
    current = slots.current;
  } catch (cause) {
    throw new AgentError('CERTIFICATE_MISSING', `${slots.folder} can't be read: ${messageOf(cause)}`, {
      remedy: 'run the command as the agent’s user, or make that user the owner of the folder',
      cause,
    });
  }
  if (current !== undefined) return current;
  throw new AgentError(
    'CERTIFICATE_MISSING',
    `this robot has no certificate yet: ${slots.folder} contains none, and mqtt.cert_file is not set`,
    {
      remedy: 'elderly-bot certs import FOLDER imports the files of the AWS console; docs/guide/certificates.md describes other sources',
    },
  );
}

/** The files of an identity as they are on disk. */
export interface CredentialTexts {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly keyMode: number;
}

/** @throws AgentError CERTIFICATE_MISSING, CERTIFICATE_INVALID, KEY_PERMISSIONS or KEY_MISMATCH. */
export function readCredentials(paths: CredentialPaths): Credentials {
  return credentialsIn(paths, readTexts(paths));
}

/** @throws AgentError CERTIFICATE_MISSING */
export function readTexts(paths: CredentialPaths): CredentialTexts {
  const names = namesOf(paths);
  const read = (name: string, file: string) => {
    try {
      return readSmallFile(file);
    } catch (cause) {
      throw unreadable(name, cause);
    }
  };
  return textsOf(read(names.ca, paths.rootCa), read(names.cert, paths.certFile), read(names.key, paths.privateKey));
}

/** Reads them beside the agent's other work. Never settles if the file system hangs. @throws AgentError CERTIFICATE_MISSING */
export async function readTextsLater(paths: CredentialPaths): Promise<CredentialTexts> {
  const names = namesOf(paths);
  const read = (name: string, file: string) =>
    readSmallFileLater(file).catch((cause: unknown) => {
      throw unreadable(name, cause);
    });
  return textsOf(await read(names.ca, paths.rootCa), await read(names.cert, paths.certFile), await read(names.key, paths.privateKey));
}

function textsOf(ca: SmallFile, cert: SmallFile, key: SmallFile): CredentialTexts {
  return { ca: ca.text, cert: cert.text, key: key.text, keyMode: key.mode };
}

/** @throws AgentError CERTIFICATE_INVALID, KEY_PERMISSIONS or KEY_MISMATCH. */
export function credentialsIn(paths: CredentialPaths, texts: CredentialTexts): Credentials {
  const names = namesOf(paths);
  refuseLooseKey(paths.privateKey, names.key, texts.keyMode);
  const caBlocks = blocksOf(texts.ca, 'certificate');
  parseCertificate(caBlocks[0], texts.ca, names.ca);
  const certBlocks = blocksOf(texts.cert, 'certificate');
  const [certificate] = [certBlocks[0], ...certBlocks.slice(1)].map((block) => parseCertificate(block, texts.cert, names.cert));
  const key = privateKeyIn(texts.key);
  if (!key) throw unusableKey(texts.key, names.key);
  if (!certificate?.checkPrivateKey(key)) {
    throw new AgentError('KEY_MISMATCH', `${names.key} does not belong to ${paths.certFile}`, {
      remedy: 'give the key that was created for this certificate',
    });
  }
  const [notBeforeMs, notAfterMs] = validity(certificate);
  const pem = {
    // Node.js ignores all certificates after a damaged one, so leave that one out.
    ca: caBlocks.filter((block) => certificatesIn(block).length > 0).join(''),
    cert: certBlocks.join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  refuseUnfit(pem, names.cert);
  return { ...pem, certificate, notBeforeMs, notAfterMs };
}

function namesOf({ rootCa, certFile, privateKey, origin }: CredentialPaths) {
  const nameOf = (key: string, file: string) => (origin === undefined ? `mqtt.${key} ${file}` : `${key} of ${origin}, ${file}`);
  return { ca: nameOf('root_ca', rootCa), cert: nameOf('cert_file', certFile), key: nameOf('private_key', privateKey) };
}

function unreadable(name: string, cause: unknown): AgentError {
  const code = codeOf(cause);
  const reason = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission to read it' : messageOf(cause);
  return new AgentError('CERTIFICATE_MISSING', `${name}: ${reason}`, {
    remedy: 'put the file there, or correct the path in the configuration or the environment',
    cause,
  });
}

/** Like ssh, refuses a private key that the group or other users can access, because it may not be secret any more. */
export function refuseLooseKey(file: string, name: string, mode: number): void {
  if (isLooseKey(file, mode)) {
    throw new AgentError('KEY_PERMISSIONS', `${name} has mode 0${mode.toString(8)}: others can read it`, {
      remedy: `chmod 600 ${file}`,
    });
  }
}

/** @param block one certificate of the file; undefined if the file has none. @param text the content of the file. */
function parseCertificate(block: string | undefined, text: string, name: string): X509Certificate {
  try {
    if (block !== undefined) return new X509Certificate(block);
  } catch (cause) {
    throw new AgentError('CERTIFICATE_INVALID', `${name} is not a valid PEM certificate (${reasonOf(cause)})`, {
      remedy: 'the file is damaged: get it again',
      cause,
    });
  }
  throw new AgentError('CERTIFICATE_INVALID', `${name} is not a PEM certificate but ${describePem(text)}`, {
    remedy: 'give the file that starts with -----BEGIN CERTIFICATE-----',
  });
}

function unusableKey(text: string, name: string): AgentError {
  const isEncrypted = blocksOf(text, 'encrypted_key').length > 0;
  const remedy = isEncrypted
    ? 'the key has a passphrase, which a robot can’t type: remove it with openssl pkey'
    : 'give an unencrypted PEM key';
  return new AgentError('CERTIFICATE_INVALID', `${name} is not a usable private key but ${describePem(text)}`, { remedy });
}

/** Refuses what OpenSSL does not use, such as a key that is too short: no connection would ever be made. */
function refuseUnfit(pem: { readonly ca: string; readonly cert: string; readonly key: string }, name: string): void {
  try {
    createSecureContext(pem);
  } catch (cause) {
    throw new AgentError('CERTIFICATE_INVALID', `${name} and its key can’t be used for TLS (${reasonOf(cause)})`, {
      remedy: 'get a certificate with a key that brokers accept: EC P-256, or RSA with at least 2048 bits',
      cause,
    });
  }
}

/** OpenSSL's own messages contain numeric codes; its reason is readable. */
function reasonOf(error: unknown): string {
  const { reason } = error as { readonly reason?: unknown };
  return typeof reason === 'string' ? reason : messageOf(error);
}
