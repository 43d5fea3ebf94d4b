// A certificate authority for bench, demo and tests: it creates broker, cloud and robot certificates when they are needed.
import { webcrypto } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PublicKeyType, X509Certificate } from '@peculiar/x509';
import { loadX509, type X509 } from './x509.ts';

const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

export interface LeafOptions {
  /** The common name: the thing name of a robot, a host name of a broker. */
  readonly name: string;
  readonly server?: boolean;
  /** Names and addresses of the server. */
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

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
    const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: KEY,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 3650 * DAY_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    return new DevCa(x509, keys, certificate);
  }

  /** Writes `<folder>/<file>.crt.pem` and `<folder>/<file>.key.pem` (0600). */
  async issue(folder: string, file: string, options: LeafOptions): Promise<IssuedFiles> {
    const x509 = this.#x509;
    const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
    const certificate = await this.certify(keys.publicKey, options);
    mkdirSync(folder, { recursive: true });
    const paths = { cert: join(folder, `${file}.crt.pem`), key: join(folder, `${file}.key.pem`) };
    writeFileSync(paths.cert, certificate);
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    writeFileSync(paths.key, x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), { mode: 0o600 });
    chmodSync(paths.key, 0o600);
    return paths;
  }

  /** Issues a certificate as PEM. @param key a public key, such as that of a signing request */
  async certify(key: PublicKeyType, options: LeafOptions): Promise<string> {
    const x509 = this.#x509;
    const usage = options.server ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${options.name}`,
      issuer: this.#certificate.subject,
      publicKey: key,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: KEY,
      notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
      notAfter: options.notAfter ?? new Date(Date.now() + 365 * DAY_MS),
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.ExtendedKeyUsageExtension([usage]),
        ...(options.hosts
          ? [new x509.SubjectAlternativeNameExtension(options.hosts.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value })))]
          : []),
      ],
    });
    return certificate.toString('pem');
  }

  /** Writes the CA's own certificate (never its key, which lives only as long as this object). */
  writeCertificate(folder: string, file = 'ca.crt.pem'): string {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, file);
    writeFileSync(path, this.certificatePem);
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

/** Files that `benchCertificates` writes. */
export const BENCH_FILES = ['ca.crt.pem', ...['broker', 'cloud', 'robot'].flatMap((who) => [`${who}.crt.pem`, `${who}.key.pem`])];

/**
 * All certificates of a bench: a CA, a broker for localhost, the cloud's client and one robot.
 * @param hosts further names and addresses of the broker.
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

function isAddress(host: string): boolean {
  return /^[0-9.]+$|:/.test(host);
}
