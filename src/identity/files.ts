// Reads the three files a mutual TLS connection needs, and refuses what could never work or must not be: a missing file, a
// key that others can read, a key that is not the certificate's. Expiry is not refused here: the clock may be what is wrong.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { codeOf, messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { blocksOf, describePem } from './pem.ts';
import { type SlotName, Slots } from './slots.ts';
import { privateKeyIn, validity } from './verify.ts';

export interface CredentialPaths {
  readonly rootCa: string;
  readonly certFile: string;
  readonly privateKey: string;
  /** Whose they are, such as `slot a`; undefined: the robot's own, by paths of the configuration. */
  readonly of?: string;
}

export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly certificate: X509Certificate;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What the configuration says; null: not given. */
export interface ConfiguredPaths {
  readonly root_ca: string | null;
  readonly cert_file: string | null;
  readonly private_key: string | null;
}

/** Amazon's own, which signs the endpoints of IoT Core (its guide, Server authentication); valid until 2038. */
export const AMAZON_ROOT_CA = fileURLToPath(new URL('../../certs/AmazonRootCA1.pem', import.meta.url));

/** Where this robot's identity is: paths that are given count, else the slot in use. @throws AgentError CERTIFICATE_MISSING where there is none. */
export function identityPaths(given: ConfiguredPaths, stateDir: string): CredentialPaths {
  const { root_ca: rootCa, cert_file: certFile, private_key: privateKey } = given;
  if (certFile !== null && privateKey !== null) return { rootCa: rootCa ?? AMAZON_ROOT_CA, certFile, privateKey };
  const slots = new Slots(stateDir);
  const slot = currentOf(slots);
  return slotPaths(slots, slot, rootCa);
}

/** @param rootCa as configured: it counts more than what lies in the slot. */
export function slotPaths(slots: Slots, slot: SlotName, rootCa: string | null): CredentialPaths {
  const own = slots.path(slot, 'rootCa');
  const root = rootCa ?? (existsSync(own) ? own : AMAZON_ROOT_CA);
  return { rootCa: root, certFile: slots.path(slot, 'cert'), privateKey: slots.path(slot, 'key'), of: `slot ${slot}` };
}

function currentOf(slots: Slots): SlotName {
  let current: SlotName | undefined;
  try {
    current = slots.current;
  } catch (cause) {
    throw new AgentError('CERTIFICATE_MISSING', `${slots.folder} can't be read: ${messageOf(cause)}`, {
      todo: 'run it as the agent’s user, or give that user the folder',
      cause,
    });
  }
  if (current !== undefined) return current;
  throw new AgentError(
    'CERTIFICATE_MISSING',
    `this robot has no certificate yet: ${slots.folder} holds none, and mqtt.cert_file is not set`,
    {
      todo: 'elderly-bot certs import FOLDER takes what the AWS console gave; docs/guide/certificates.md has the other ways',
    },
  );
}

/** @throws AgentError CERTIFICATE_MISSING, CERTIFICATE_INVALID, KEY_PERMISSIONS or KEY_MISMATCH. */
export function readCredentials(paths: CredentialPaths): Credentials {
  const where = (key: string, file: string) => (paths.of === undefined ? `mqtt.${key} ${file}` : `${key} of ${paths.of}, ${file}`);
  const [caName, certName, keyName] = [
    where('root_ca', paths.rootCa),
    where('cert_file', paths.certFile),
    where('private_key', paths.privateKey),
  ];
  const caText = readText(paths.rootCa, caName);
  const certText = readText(paths.certFile, certName);
  const keyText = readText(paths.privateKey, keyName);
  refuseLooseKey(paths.privateKey, keyName);
  parseCertificate(caText, caName);
  const certificate = parseCertificate(certText, certName);
  const key = privateKeyIn(keyText);
  if (!key) throw unusableKey(keyText, keyName);
  if (!certificate.checkPrivateKey(key)) {
    throw new AgentError('KEY_MISMATCH', `${keyName} is not the key of ${paths.certFile}`, {
      todo: 'give the key that was made with this certificate',
    });
  }
  const [notBeforeMs, notAfterMs] = validity(certificate);
  const ca = blocksOf(caText, 'certificate').join('');
  const cert = blocksOf(certText, 'certificate').join('');
  return { ca, cert, key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate, notBeforeMs, notAfterMs };
}

function readText(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    const why = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission to read it' : messageOf(error);
    throw new AgentError('CERTIFICATE_MISSING', `${name}: ${why}`, {
      todo: 'put the file there, or point the configuration or the environment at it',
      cause: error,
    });
  }
}

/** ssh's rule: a private key that a group or others can read is no secret. */
function refuseLooseKey(file: string, name: string): void {
  const mode = statSync(file).mode & 0o777;
  if (mode & 0o077) {
    throw new AgentError('KEY_PERMISSIONS', `${name} has mode 0${mode.toString(8)}: others can read it`, {
      todo: `chmod 600 ${file}`,
    });
  }
}

function parseCertificate(text: string, name: string): X509Certificate {
  const [first] = blocksOf(text, 'certificate');
  try {
    if (first !== undefined) return new X509Certificate(first);
  } catch (error) {
    throw new AgentError('CERTIFICATE_INVALID', `${name} is no PEM certificate (${messageOf(error)})`, {
      todo: 'it is damaged: get the file anew',
      cause: error,
    });
  }
  throw new AgentError('CERTIFICATE_INVALID', `${name} is no PEM certificate but ${describePem(text)}`, {
    todo: 'it has to start with -----BEGIN CERTIFICATE-----',
  });
}

function unusableKey(text: string, name: string): AgentError {
  const isEncrypted = blocksOf(text, 'encrypted_key').length > 0;
  const todo = isEncrypted
    ? 'the key has a passphrase, and a robot has nobody to type it: take it off with openssl pkey'
    : 'it has to be an unencrypted PEM key';
  return new AgentError('CERTIFICATE_INVALID', `${name} is no usable private key but ${describePem(text)}`, { todo });
}
