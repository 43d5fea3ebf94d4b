// Creates keys and certificates with the openssl program, in the forms that integrators have, such as those of the AWS console.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type KeyShape = 'ec-pkcs8' | 'ec-sec1' | 'rsa-pkcs8' | 'rsa-pkcs1' | 'rsa-encrypted' | 'rsa-1024' | 'ed25519';

export interface Authority {
  readonly cert: string;
  readonly key: string;
}

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface PairOptions {
  readonly name?: string;
  readonly shape?: KeyShape;
  /** Lines of the extensions section. */
  readonly extensions?: readonly string[];
  readonly hosts?: readonly string[];
  readonly days?: number;
}

const CLIENT = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature', 'extendedKeyUsage=clientAuth'];

/** The extensions of certificates from the IoT Core console. They have no extended key usage. */
export const AWS_EXTENSIONS = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'];

export const PASSPHRASE = 'not a secret';

/** For a test's `skip`: the reason why openssl is missing, or false. */
export function opensslMissing(): string | false {
  return spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl: apt-get install openssl';
}

export class OpenSsl {
  readonly #folder: string;
  #made = 0;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  authority(subject = '/CN=an OpenSSL CA'): Authority {
    return this.selfSigned(subject, ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']);
  }

  selfSigned(subject: string, extensions: readonly string[]): Pair {
    const [key, cert] = [this.key('ec-pkcs8'), this.#path('self-signed.pem')];
    const options = ['-days', '3650', '-out', cert, ...extensions.flatMap((line) => ['-addext', line])];
    this.#run('req', '-x509', '-new', '-key', key, '-subj', subject, ...options);
    return { cert, key };
  }

  /** @returns the key's file, mode 0600. */
  key(shape: KeyShape): string {
    const file = this.#path('key.pem');
    const make = (...args: string[]) => this.#run('genpkey', ...args, '-out', file);
    if (shape === 'ec-pkcs8' || shape === 'ec-sec1') make('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
    else if (shape === 'ed25519') make('-algorithm', 'ED25519');
    else make('-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${shape === 'rsa-1024' ? 1024 : 2048}`);
    if (shape === 'ec-sec1') return this.#reshaped('ec', '-in', file);
    if (shape === 'rsa-pkcs1') return this.#reshaped('rsa', '-in', file, '-traditional');
    if (shape === 'rsa-encrypted') return this.#reshaped('pkcs8', '-topk8', '-in', file, '-passout', `pass:${PASSPHRASE}`);
    return file;
  }

  pair(authority: Authority, { name = 'elderly-bot', shape = 'ec-pkcs8', extensions = CLIENT, hosts, days = 365 }: PairOptions = {}): Pair {
    const key = this.key(shape);
    const [request, cert, file] = [this.#path('csr.pem'), this.#path('cert.pem'), this.#path('ext')];
    const names = hosts ? [`subjectAltName=${hosts.map((host) => (/^[0-9.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`)).join(',')}`] : [];
    writeFileSync(file, [...extensions, ...names].join('\n'));
    this.#run('req', '-new', '-key', key, '-passin', `pass:${PASSPHRASE}`, '-subj', `/CN=${name}`, '-out', request);
    const by = ['-CA', authority.cert, '-CAkey', authority.key, '-CAcreateserial', '-extfile', file];
    this.#run('x509', '-req', '-in', request, ...by, '-days', String(days), '-out', cert);
    return { cert, key };
  }

  /** Signs a request as a CA would. @returns the certificate. */
  sign(authority: Authority, request: string): string {
    const [cert, file] = [this.#path('cert.pem'), this.#path('ext')];
    writeFileSync(file, CLIENT.join('\n'));
    this.#run(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      authority.cert,
      '-CAkey',
      authority.key,
      '-CAcreateserial',
      '-extfile',
      file,
      '-days',
      '365',
      '-out',
      cert,
    );
    return cert;
  }

  /** @returns the authority's list of revoked certificates, with this one. */
  revocations(authority: Authority, revoked: Pair): string {
    const [list, config, database] = [this.#path('crl.pem'), this.#path('ca.cnf'), this.#path('index.txt')];
    writeFileSync(database, '');
    writeFileSync(config, `[ca]\ndefault_ca = here\n[here]\ndatabase = ${database}\ndefault_md = sha256\ndefault_crl_days = 30\n`);
    const by = ['-config', config, '-cert', authority.cert, '-keyfile', authority.key];
    this.#run('ca', ...by, '-revoke', revoked.cert);
    this.#run('ca', ...by, '-gencrl', '-out', list);
    return list;
  }

  /** A copy with the line ends of Windows. */
  withCrlf(file: string): string {
    const copy = this.#path('crlf.pem');
    writeFileSync(copy, readFileSync(file, 'utf8').replaceAll('\n', '\r\n'), { mode: 0o600 });
    return copy;
  }

  #reshaped(...args: string[]): string {
    const file = this.#path('key.pem');
    this.#run(...args, '-out', file);
    chmodSync(file, 0o600);
    return file;
  }

  #path(name: string): string {
    return join(this.#folder, `${++this.#made}-${name}`);
  }

  #run(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}
