// The cloud's own certificate: three files that have to be there and to belong together before anything is connected.

import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { messageOf } from '../../../src/base/index.ts';
import { readFailure, SettingsError } from '../errors/index.ts';

export interface CredentialPaths {
  readonly rootCa: string;
  readonly certFile: string;
  readonly privateKey: string;
}

export interface Credentials {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** @throws SettingsError with a line for each file that can't be used. */
export function readCredentials(paths: CredentialPaths): Credentials {
  const problems: string[] = [];
  const read = (name: string, path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      problems.push(`${name} ${path}: ${readFailure(error)}; put the file there, or set ${name} to where it is`);
      return Buffer.alloc(0);
    }
  };
  const credentials = {
    ca: read('AWS_ROOT_CA', paths.rootCa),
    cert: read('AWS_CERT_FILE', paths.certFile),
    key: read('AWS_PRIVATE_KEY', paths.privateKey),
  };
  if (problems.length === 0 && statSync(paths.privateKey).mode & 0o077) {
    problems.push(`AWS_PRIVATE_KEY ${paths.privateKey}: others can read it; chmod 600 ${paths.privateKey}`);
  }
  if (problems.length === 0) {
    try {
      createSecureContext(credentials);
    } catch (error) {
      problems.push(
        `AWS_CERT_FILE ${paths.certFile} with AWS_PRIVATE_KEY ${paths.privateKey}: ${messageOf(error)}; they have to be PEM files, the key without a passphrase and made with this certificate`,
      );
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return credentials;
}
