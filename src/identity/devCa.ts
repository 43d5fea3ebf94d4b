// A certificate authority for test benches, the demo and the tests. It issues certificates to brokers, clouds and robots.

import { createPublicKey, webcrypto } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PublicKeyType, X509Certificate } from '@peculiar/x509';
import { writeShared } from '../base/index.ts';
import { EC, loadX509, newKey, type X509 } from './keys.ts';

const DAY_MS = 86_400_000;

export interface LeafOptions {
  /** The common name: a robot's thing name, or a broker's host name. */
  readonly name: string;
  readonly server?: boolean;
  /** Host names and IP addresses that clients may use to reach the server. */
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** Paths of a certificate and its key. */
export interface IssuedFiles {
  readonly cert: string;
  readonly key: string;
}

export class DevCa {
  readonly certificatePem: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: X509Certificate;
  readonly #x509: X509;

  private constructor(x509: X509, keys: webcrypto.CryptoKeyPair, certificate: X509Certificate) {
    this.#x509 = x509;
    this.#keys = keys;
    this.#certificate = certificate;
    this.certificatePem = certificate.toString('pem');
  }

  static async create(name = 'elderly-bot bench CA'): Promise<DevCa> {
    const x509 = await loadX509();
    const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: EC,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 3650 * DAY_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    return new DevCa(x509, keys, certificate);
  }

  /** Creates a key pair, and writes `<folder>/<file>.crt.pem` and, with mode 0600, `<folder>/<file>.key.pem`. */
  async issue(folder: string, file: string, options: LeafOptions): Promise<IssuedFiles> {
    const key = await newKey('ec');
    const certificate = await this.certify(createPublicKey(key).export({ type: 'spki', format: 'der' }), options);
    const paths = { cert: join(folder, `${file}.crt.pem`), key: join(folder, `${file}.key.pem`) };
    writeShared(paths.cert, certificate);
    writeFileSync(paths.key, key, { mode: 0o600 });
    chmodSync(paths.key, 0o600);
    return paths;
  }

  /** Issues a certificate and returns it as PEM. @param key the public key to certify, such as that of a CSR. */
  async certify(key: PublicKeyType, options: LeafOptions): Promise<string> {
    const x509 = this.#x509;
    const usage = options.server ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
    const hosts = options.hosts?.map((value) => ({ type: /^[0-9.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value }));
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${options.name}`,
      issuer: this.#certificate.subject,
      publicKey: key,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: EC,
      notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
      notAfter: options.notAfter ?? new Date(Date.now() + 365 * DAY_MS),
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.ExtendedKeyUsageExtension([usage]),
        ...(hosts ? [new x509.SubjectAlternativeNameExtension(hosts)] : []),
      ],
    });
    return certificate.toString('pem');
  }

  /** Writes the CA's certificate. The CA's private key must not be written to disk: it exists only in this process. */
  writeCertificate(folder: string): string {
    const path = join(folder, 'ca.crt.pem');
    writeShared(path, this.certificatePem);
    return path;
  }
}

export interface BenchFiles {
  readonly authority: DevCa;
  readonly ca: string;
  readonly broker: IssuedFiles;
  readonly cloud: IssuedFiles;
  readonly robot: IssuedFiles;
}

/** Names of the files that `benchCertificates` writes. */
export const BENCH_FILES = ['ca.crt.pem', ...['broker', 'cloud', 'robot'].flatMap((owner) => [`${owner}.crt.pem`, `${owner}.key.pem`])];

/**
 * Writes all certificates for a test bench: a CA's, a local broker's, the cloud's and one robot's.
 * @param hosts additional host names and addresses of the broker, besides localhost.
 */
export async function benchCertificates(folder: string, thing: string, hosts: readonly string[] = []): Promise<BenchFiles> {
  const ca = await DevCa.create();
  const [broker, cloud, robot] = await Promise.all([
    ca.issue(folder, 'broker', { name: 'localhost', server: true, hosts: ['localhost', '127.0.0.1', ...hosts] }),
    ca.issue(folder, 'cloud', { name: 'elderly-bot-cloud' }),
    ca.issue(folder, 'robot', { name: thing }),
  ]);
  return { authority: ca, ca: ca.writeCertificate(folder), broker, cloud, robot };
}
