// Reads the three files a mutual TLS connection needs, and refuses what could never work or must not be: a missing file, a
// key that others can read, a key that is not the certificate's. Expiry is not refused here: the clock may be what is wrong.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { AgentError, codeOf, messageOf } from '../errors.ts';

export interface CredentialPaths {
  readonly rootCa: string;
  readonly certFile: string;
  readonly privateKey: string;
}

export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly certificate: X509Certificate;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** @throws AgentError CERTIFICATE_MISSING, CERTIFICATE_INVALID, KEY_PERMISSIONS or KEY_MISMATCH. */
export function readCredentials(paths: CredentialPaths): Credentials {
  const ca = readText(paths.rootCa, 'root_ca');
  const cert = readText(paths.certFile, 'cert_file');
  const key = readText(paths.privateKey, 'private_key');
  refuseLooseKey(paths.privateKey);
  parseCertificate(ca, paths.rootCa, 'root_ca');
  const certificate = parseCertificate(cert, paths.certFile, 'cert_file');
  if (!certificate.checkPrivateKey(parseKey(key, paths.privateKey))) {
    throw new AgentError('KEY_MISMATCH', `mqtt.private_key ${paths.privateKey} is not the key of ${paths.certFile}`, {
      todo: 'give the key that was made with this certificate',
    });
  }
  return {
    ca,
    cert,
    key,
    certificate,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

function readText(file: string, key: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    const why = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission to read it' : messageOf(error);
    throw new AgentError('CERTIFICATE_MISSING', `mqtt.${key} ${file}: ${why}`, {
      todo: 'put the file there, or point the configuration or the environment at it',
      cause: error,
    });
  }
}

/** ssh's rule: a private key that a group or others can read is no secret. */
function refuseLooseKey(file: string): void {
  const mode = statSync(file).mode & 0o777;
  if (mode & 0o077) {
    throw new AgentError('KEY_PERMISSIONS', `mqtt.private_key ${file} has mode 0${mode.toString(8)}: others can read it`, {
      todo: `chmod 600 ${file}`,
    });
  }
}

function parseCertificate(pem: string, file: string, key: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new AgentError('CERTIFICATE_INVALID', `mqtt.${key} ${file} is no PEM certificate (${messageOf(error)})`, {
      todo: 'it has to start with -----BEGIN CERTIFICATE-----',
      cause: error,
    });
  }
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const todo = pem.includes('ENCRYPTED')
      ? 'the key has a passphrase, and a robot has nobody to type it: take it off with openssl pkey'
      : 'it has to be an unencrypted PEM key';
    throw new AgentError('CERTIFICATE_INVALID', `mqtt.private_key ${file} is no usable private key`, { todo, cause: error });
  }
}
