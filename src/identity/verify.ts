// Verifies that the three files can make a connection, by their content: chain, key, dates, name, purpose, permissions. Pure:
// texts and time are parameters. A wrong clock is reported as such, never as a bad certificate.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CHECKS, FINDINGS, type Finding } from './findings.ts';
import { blocksOf, describePem } from './pem.ts';
import { loadX509 } from './x509.ts';

export interface Identity {
  /** The robot's certificate file, including intermediates. */
  readonly cert: string;
  /** Undefined if there is only a certificate. */
  readonly key: string | undefined;
  /** Root of the broker's certificate; undefined: not checked. */
  readonly rootCa: string | undefined;
  readonly thing: string;
  /** IoT Core signs with an unpublished CA, and its certificates carry no thing name. */
  readonly isIotCore: boolean;
  readonly nowMs: number;
  readonly isClockTrusted: boolean;
  /** The key file and its mode; undefined if the key is not in a file yet. */
  readonly keyFile?: { readonly path: string; readonly mode: number };
}

export const DAY_MS = 86_400_000;

/** Time before the expiry from which a certificate should be renewed. */
export const EXPIRES_SOON_MS = 30 * DAY_MS;

/** Common name of every certificate from the IoT Core console. */
const IOT_CORE_NAME = 'AWS IoT Certificate';

/** IoT Core accepts RSA of at least 2048 bits and these curves (its guide, X.509 client certificates). */
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const RSA_BITS = 2_048;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_PURPOSE = '2.5.29.37.0';

/** @returns all findings; empty without a fault. */
export async function verifyIdentity(given: Identity): Promise<Finding[]> {
  const chain = parse(given.cert);
  const [certificate] = chain;
  const roots = given.rootCa === undefined ? [] : parse(given.rootCa);
  const found = [
    ...(certificate ? [] : [unreadable('cert_unreadable', 'the certificate', given.cert)]),
    ...(given.rootCa === undefined ? [] : rootFindings(given.rootCa, roots)),
    ...(certificate ? chainFindings(chain, roots, given) : []),
    ...keyFindings(given.key, certificate),
    ...(certificate ? dateFindings(certificate, roots, given) : []),
    ...(certificate ? nameFindings(certificate, given) : []),
    ...(certificate ? await purposeFindings(certificate) : []),
    ...permissionFindings(given.keyFile),
  ];
  const order = ({ code }: Finding) => CHECKS.indexOf(FINDINGS[code]);
  return found.sort((a, b) => order(a) - order(b));
}

/** Device endpoints of AWS in all partitions. */
export function isIotCoreHost(host: string): boolean {
  return /\.iot\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(host);
}

/** Common name of a certificate's subject; undefined if it has none. */
export function commonName(certificate: X509Certificate): string | undefined {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1];
}

function parse(text: string): X509Certificate[] {
  return blocksOf(text, 'certificate').flatMap((pem) => {
    try {
      return [new X509Certificate(pem)];
    } catch {
      return [];
    }
  });
}

function unreadable(code: 'cert_unreadable' | 'root_ca_unreadable', what: string, text: string): Finding {
  const is = describePem(text);
  const observed = is === 'a certificate' ? `${what} is damaged: it begins as one, but can't be read` : `${what} is ${is}`;
  return { code, severity: 'error', observed, remedy: 'give the PEM file that starts with -----BEGIN CERTIFICATE-----' };
}

function rootFindings(text: string, roots: readonly X509Certificate[]): Finding[] {
  if (roots.length === 0) return [unreadable('root_ca_unreadable', 'the root CA', text)];
  const leaf = roots.find(({ ca }) => !ca);
  if (!leaf) return [];
  const observed = `the root CA file holds no CA but ${oneLine(leaf.subject)}`;
  return [
    {
      code: 'root_ca_not_ca',
      severity: 'error',
      observed,
      remedy: 'give the CA that signed the broker’s certificate; for AWS, AmazonRootCA1.pem',
    },
  ];
}

/** Each certificate of the file must be signed by the next one, and the last by a root with its issuer's name, if present. */
function chainFindings(chain: readonly X509Certificate[], roots: readonly X509Certificate[], { isIotCore }: Identity): Finding[] {
  const broken = (of: X509Certificate, observed: string): Finding => ({
    code: 'chain_broken',
    severity: 'error',
    observed: `${oneLine(of.subject)} ${observed}`,
    remedy: 'use the certificate and the CA that belong together; a new CA with the old name did not sign earlier certificates',
  });
  for (const [i, each] of chain.entries()) {
    const next = chain[i + 1];
    if (next && !isSignedBy(each, next)) return [broken(each, `is not signed by the certificate behind it, ${oneLine(next.subject)}`)];
  }
  const last = chain.at(-1);
  if (!last) return [];
  const named = roots.filter(({ subject }) => subject === last.issuer);
  if (named.some((root) => isSignedBy(last, root))) return [];
  if (named.length > 0)
    return [broken(last, `names ${oneLine(last.issuer)} as its issuer, but was not signed by the root CA of that name`)];
  if (roots.length === 0) return [];
  const observed = `signed by ${oneLine(last.issuer)}, which is not the root CA given`;
  if (isIotCore)
    return [
      {
        code: 'issuer_unknown',
        severity: 'info',
        observed,
        remedy: 'nothing: IoT Core signs robots with another CA than its own endpoints',
      },
    ];
  return [
    {
      code: 'issuer_unknown',
      severity: 'warning',
      observed,
      remedy: 'make sure that the broker knows that CA, or it will refuse this robot',
    },
  ];
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function keyFindings(text: string | undefined, certificate: X509Certificate | undefined): Finding[] {
  if (text === undefined) return certificate ? kindFindings(certificate.publicKey, 'the certificate’s key') : [];
  if (blocksOf(text, 'encrypted_key').length > 0) {
    const remedy = 'a robot can’t type a passphrase: remove it with openssl pkey -in KEY -out NEWKEY';
    return [{ code: 'key_encrypted', severity: 'error', observed: 'the private key has a passphrase', remedy }];
  }
  const key = privateKeyIn(text);
  if (!key) {
    const is = describePem(text);
    const observed =
      is === 'a private key' ? 'the private key is damaged: it begins as one, but can’t be read' : `the private key is ${is}`;
    return [
      {
        code: 'key_unreadable',
        severity: 'error',
        observed,
        remedy: 'give the PEM file with -----BEGIN PRIVATE KEY-----, or the same with RSA or EC',
      },
    ];
  }
  if (certificate && !certificate.checkPrivateKey(key)) {
    const remedy = 'give the pair that was made together; in AWS both file names begin with the same id';
    return [{ code: 'key_mismatch', severity: 'error', observed: 'the private key is not the certificate’s', remedy }];
  }
  return kindFindings(key, 'the key');
}

/** The first readable, unencrypted private key of a PEM text; undefined without one. */
export function privateKeyIn(text: string): KeyObject | undefined {
  for (const pem of blocksOf(text, 'private_key')) {
    try {
      return createPrivateKey(pem);
    } catch {
      // This block is damaged; another one may follow.
    }
  }
  return undefined;
}

function kindFindings({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, what: string): Finding[] {
  const isRsa = type === 'rsa' && (details?.modulusLength ?? 0) >= RSA_BITS;
  const isEc = type === 'ec' && CURVES.has(details?.namedCurve ?? '');
  if (isRsa || isEc) return [];
  const size = details?.modulusLength ?? details?.namedCurve;
  const observed = `${what} is ${type ?? 'a key of an unknown kind'}${size === undefined ? '' : ` ${size}`}`;
  const remedy = 'brokers take EC P-256, P-384, P-521 and RSA from 2048 bits: make a new one with elderly-bot certs init';
  return [{ code: 'key_kind', severity: 'error', observed, remedy }];
}

function dateFindings(certificate: X509Certificate, roots: readonly X509Certificate[], { nowMs, isClockTrusted }: Identity): Finding[] {
  const [from, to] = validity(certificate);
  const clock = `the clock says ${day(nowMs)}`;
  const isOutside = nowMs < from || nowMs > to;
  const rootsAreOver = roots.length > 0 && roots.every((root) => nowMs > validity(root)[1]);
  // Two certificates rarely expire together, and none is used before it was issued: the clock is wrong.
  if (isOutside && (!isClockTrusted || (nowMs > to && rootsAreOver))) {
    const observed = `${clock}, the certificate is valid from ${day(from)} to ${day(to)}`;
    const remedy = 'set the clock first (timedatectl), then look again; the certificate is probably fine';
    return [{ code: 'clock_wrong', severity: 'error', observed, remedy }];
  }
  const found: Finding[] = [];
  if (!isClockTrusted) {
    found.push({
      code: 'clock_untrusted',
      severity: 'info',
      observed: `${clock} and is not synchronised yet`,
      remedy: 'look at the dates again once it is',
    });
  }
  if (nowMs < from) {
    const remedy = 'compare the clock first (timedatectl): a certificate is usually valid from the moment it was made';
    found.push({
      code: 'cert_not_yet_valid',
      severity: 'error',
      observed: `${clock}, the certificate is valid only from ${day(from)}`,
      remedy,
    });
  } else if (nowMs > to) {
    const observed = `${clock}, the certificate was valid until ${day(to)}`;
    found.push({
      code: 'cert_expired',
      severity: 'error',
      observed,
      remedy: 'get a new one: elderly-bot certs provision, or init and import',
    });
  } else if (isClockTrusted && to - nowMs < EXPIRES_SOON_MS) {
    const observed = `valid until ${day(to)}, ${Math.floor((to - nowMs) / DAY_MS)} days from now`;
    found.push({ code: 'cert_expires', severity: 'warning', observed, remedy: 'renew it: elderly-bot certs rotate, or init and import' });
  }
  if (rootsAreOver) {
    const ends = Math.max(...roots.map((root) => validity(root)[1]));
    found.push({
      code: 'root_ca_expired',
      severity: 'error',
      observed: `the root CA was valid until ${day(ends)}`,
      remedy: 'give the CA the broker has now',
    });
  }
  return found;
}

/** Validity in milliseconds since 1970. */
export function validity(certificate: X509Certificate): readonly [fromMs: number, toMs: number] {
  return [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
}

function nameFindings(certificate: X509Certificate, { thing, isIotCore }: Identity): Finding[] {
  const name = commonName(certificate);
  if (name === thing || name === IOT_CORE_NAME) return [];
  const observed =
    name === undefined
      ? `the certificate carries no name, this robot is ${thing}`
      : `the certificate is for ${name}, this robot is ${thing}`;
  if (isIotCore)
    return [
      { code: 'name_differs', severity: 'info', observed, remedy: 'nothing, where it is attached to the thing of this name in IoT Core' },
    ];
  return [
    {
      code: 'name_differs',
      severity: 'warning',
      observed,
      remedy: 'set `thing` to that name, or get a certificate for this one: brokers go by it',
    },
  ];
}

async function purposeFindings(certificate: X509Certificate): Promise<Finding[]> {
  if (certificate.ca) {
    const remedy = 'give the robot’s own certificate; a CA’s is for root_ca';
    return [{ code: 'cert_is_ca', severity: 'error', observed: `${oneLine(certificate.subject)} is a CA, not a robot`, remedy }];
  }
  const remedy = 'have it made for TLS clients (extended key usage clientAuth, key usage digitalSignature)';
  // Node's keyUsage is the extended key usage.
  const purposes: readonly string[] = certificate.keyUsage ?? [];
  if (purposes.length > 0 && !purposes.includes(CLIENT_AUTH) && !purposes.includes(ANY_PURPOSE)) {
    const isServer = purposes.includes('1.3.6.1.5.5.7.3.1');
    const observed = isServer
      ? 'the certificate is for servers, a broker’s, and not for clients'
      : 'the certificate is not for TLS clients';
    return [{ code: 'cert_purpose', severity: 'error', observed, remedy }];
  }
  const x509 = await loadX509();
  const usage = new x509.X509Certificate(certificate.raw).getExtension(x509.KeyUsagesExtension);
  if (!usage || usage.usages & x509.KeyUsageFlags.digitalSignature) return [];
  return [{ code: 'cert_purpose', severity: 'error', observed: 'the certificate’s key may not sign, which TLS needs', remedy }];
}

function permissionFindings(file: Identity['keyFile']): Finding[] {
  if (!file || (file.mode & 0o077) === 0) return [];
  const observed = `the private key ${file.path} has mode 0${file.mode.toString(8)}: others can read it`;
  return [{ code: 'key_permissions', severity: 'error', observed, remedy: `chmod 600 ${file.path}` }];
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
