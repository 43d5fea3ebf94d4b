// Checks whether a connection can work with the three files of an identity: chain, key, dates, name, purpose and permissions. Pure
// functions: file contents and the time are parameters. A wrong clock must be reported as such, never as a bad certificate.
import type { KeyObject, X509Certificate } from 'node:crypto';
import { oneLine } from './facts.ts';
import { loadX509 } from './keys.ts';
import { isLooseKey } from './looseKey.ts';
import { blocksOf, certificatesIn, commonName, describePem, privateKeyIn, validity } from './pem.ts';

export interface Identity {
  /** Content of the robot's certificate file, including any intermediate certificates. */
  readonly cert: string;
  /** Content of the key file; undefined if only the certificate is to be checked. */
  readonly key: string | undefined;
  /** Content of the root CA file; undefined if the root is not to be checked. */
  readonly rootCa: string | undefined;
  readonly thing: string;
  /** Whether the broker is IoT Core, which signs robots' certificates with an unpublished CA and puts no thing name into them. */
  readonly isIotCore: boolean;
  readonly nowMs: number;
  readonly isClockTrusted: boolean;
  /** The key file and its mode; undefined if the key is not in a file yet. */
  readonly keyFile?: { readonly path: string; readonly mode: number };
}

/** The checks, in report order. */
export const CHECKS = ['chain', 'key', 'dates', 'name', 'purpose', 'permissions'] as const;

/** All codes of findings, each with the check that it belongs to. docs/guide/certificates.md explains each code. */
export const FINDINGS = {
  cert_unreadable: 'chain',
  root_ca_unreadable: 'chain',
  root_ca_not_ca: 'chain',
  chain_broken: 'chain',
  issuer_unknown: 'chain',
  key_unreadable: 'key',
  key_encrypted: 'key',
  key_kind: 'key',
  key_mismatch: 'key',
  clock_wrong: 'dates',
  clock_untrusted: 'dates',
  cert_not_yet_valid: 'dates',
  cert_expired: 'dates',
  cert_expires: 'dates',
  root_ca_expired: 'dates',
  name_differs: 'name',
  cert_is_ca: 'purpose',
  cert_purpose: 'purpose',
  key_permissions: 'permissions',
} as const satisfies Record<string, (typeof CHECKS)[number]>;
type FindingCode = keyof typeof FINDINGS;

export interface Finding {
  readonly code: FindingCode;
  /** `error`: a connection can't work. `warning`: it may fail now or soon. `info`: worth knowing. */
  readonly severity: 'error' | 'warning' | 'info';
  /** The observed fault, with actual values. */
  readonly observed: string;
  /** The user's next step, as a sentence or a command. */
  readonly remedy: string;
}

export const DAY_MS = 86_400_000;

/** The agent warns this many days before the certificate expires. */
export const EXPIRY_STAGES = [30, 14, 7, 1] as const;
export type ExpiryStage = (typeof EXPIRY_STAGES)[number];

/** The common name in every certificate that the IoT Core console creates. */
const IOT_CORE_NAME = 'AWS IoT Certificate';

/** The curves that IoT Core accepts, besides RSA keys of at least 2048 bits (AWS IoT developer guide, X.509 client certificates). */
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const RSA_BITS = 2_048;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_PURPOSE = '2.5.29.37.0';

/** Runs all checks. @returns the findings, in the order of `CHECKS` */
export async function verifyIdentity(given: Identity): Promise<Finding[]> {
  const chain = certificatesIn(given.cert);
  const [certificate] = isDamaged(given.cert) ? [] : chain;
  const roots = certificatesIn(given.rootCa ?? '');
  const found = [
    ...(certificate ? [] : [unreadable('cert_unreadable', 'the certificate', given.cert)]),
    ...rootFindings(given.rootCa, roots),
    ...keyFindings(given.key, certificate),
    ...permissionFindings(given.keyFile),
    ...(certificate
      ? [
          ...chainFindings(chain, roots, given),
          ...dateFindings(certificate, roots, given),
          ...nameFindings(certificate, given),
          ...(await purposeFindings(certificate)),
        ]
      : []),
  ];
  const order = ({ code }: Finding) => CHECKS.indexOf(FINDINGS[code]);
  return found.sort((a, b) => order(a) - order(b));
}

/** Whether a host is an IoT Core device endpoint, in any AWS partition. */
export function isIotCoreHost(host: string): boolean {
  return /\.iot\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(host);
}

/** Returns the latest stage that has been reached, or undefined if expiry is further away or the clock is not trusted. */
export function expiryStage(notAfterMs: number, nowMs: number, isClockTrusted: boolean): ExpiryStage | undefined {
  if (!isClockTrusted) return undefined;
  return EXPIRY_STAGES.filter((days) => notAfterMs - nowMs <= days * DAY_MS).at(-1);
}

/** @param beforeMs how long before expiry to renew; null turns automatic renewal off. */
export function isRotationDue(notAfterMs: number, nowMs: number, isClockTrusted: boolean, beforeMs: number | null): boolean {
  return isClockTrusted && beforeMs !== null && notAfterMs - nowMs <= beforeMs;
}

function finding(code: FindingCode, observed: string, remedy: string, severity: Finding['severity'] = 'error'): Finding {
  return { code, severity, observed, remedy };
}

function unreadable(code: 'cert_unreadable' | 'root_ca_unreadable', name: string, text: string): Finding {
  const kind = describePem(text);
  const observed = kind === 'a certificate' ? `${name} is damaged: it starts as a certificate, but can't be read` : `${name} is ${kind}`;
  return finding(code, observed, 'give the PEM file that starts with -----BEGIN CERTIFICATE-----');
}

function rootFindings(text: string | undefined, roots: readonly X509Certificate[]): Finding[] {
  if (text === undefined) return [];
  if (roots.length === 0) return [unreadable('root_ca_unreadable', 'the root CA', text)];
  if (isDamaged(text)) return [{ ...unreadable('root_ca_unreadable', 'a certificate of the root CA file', text), severity: 'warning' }];
  const leaf = roots.find(({ ca }) => !ca);
  if (!leaf) return [];
  const remedy = 'give the CA that signed the broker’s certificate; for AWS, AmazonRootCA1.pem';
  return [finding('root_ca_not_ca', `the root CA file contains no CA but ${oneLine(leaf.subject)}`, remedy)];
}

/** Whether a file contains a certificate that can't be read. */
function isDamaged(text: string): boolean {
  return certificatesIn(text).length < blocksOf(text, 'certificate').length;
}

/** Each certificate must be signed by the next one in the file, and the last one by the root CA that has its issuer's name, if any. */
function chainFindings(chain: readonly X509Certificate[], roots: readonly X509Certificate[], { isIotCore }: Identity): Finding[] {
  const broken = (certificate: X509Certificate, fault: string): Finding[] => {
    const remedy = 'use the certificate and the CA that belong together; a new CA with the old name did not sign earlier certificates';
    return [finding('chain_broken', `${oneLine(certificate.subject)} ${fault}`, remedy)];
  };
  for (const [i, certificate] of chain.entries()) {
    const next = chain[i + 1];
    if (next && !isSignedBy(certificate, next))
      return broken(certificate, `is not signed by the next certificate of the file, ${oneLine(next.subject)}`);
  }
  const last = chain.at(-1);
  if (!last) return [];
  const named = roots.filter(({ subject }) => subject === last.issuer);
  if (named.some((root) => isSignedBy(last, root))) return [];
  const issuer = oneLine(last.issuer);
  if (named.length > 0) return broken(last, `names ${issuer} as its issuer, but was not signed by the root CA of that name`);
  if (roots.length === 0) return [];
  const observed = `the certificate is signed by ${issuer}, not by the given root CA`;
  return isIotCore
    ? [finding('issuer_unknown', observed, 'nothing: IoT Core’s own endpoints have another CA than the robots', 'info')]
    : [finding('issuer_unknown', observed, 'check that the broker trusts that CA, or it refuses this robot', 'warning')];
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function keyFindings(text: string | undefined, certificate: X509Certificate | undefined): Finding[] {
  if (text === undefined) return certificate ? kindFindings(certificate.publicKey, 'the certificate’s key') : [];
  if (blocksOf(text, 'encrypted_key').length > 0) {
    const remedy = 'a robot can’t type a passphrase: remove it with openssl pkey -in KEY -out NEWKEY';
    return [finding('key_encrypted', 'the private key has a passphrase', remedy)];
  }
  const key = privateKeyIn(text);
  if (!key) {
    const kind = describePem(text);
    const observed =
      kind === 'a private key' ? 'the private key is damaged: it starts as a key, but can’t be read' : `the private key is ${kind}`;
    return [finding('key_unreadable', observed, 'give the PEM file that starts with -----BEGIN PRIVATE KEY-----, BEGIN RSA or BEGIN EC')];
  }
  if (certificate && !certificate.checkPrivateKey(key)) {
    const remedy = 'give the pair that was created together; in AWS both file names begin with the same id';
    return [finding('key_mismatch', 'the private key does not belong to the certificate', remedy)];
  }
  return kindFindings(key, 'the key');
}

function kindFindings({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, name: string): Finding[] {
  const isRsa = type === 'rsa' && (details?.modulusLength ?? 0) >= RSA_BITS;
  const isEc = type === 'ec' && CURVES.has(details?.namedCurve ?? '');
  if (isRsa || isEc) return [];
  const size = details?.modulusLength ?? details?.namedCurve;
  const observed = `${name} is ${type ?? 'a key of an unknown kind'}${size === undefined ? '' : ` ${size}`}`;
  const remedy = 'brokers accept EC P-256, P-384, P-521 and RSA from 2048 bits: create a new key with elderly-bot certs init';
  return [finding('key_kind', observed, remedy)];
}

function dateFindings(certificate: X509Certificate, roots: readonly X509Certificate[], { nowMs, isClockTrusted }: Identity): Finding[] {
  const [from, to] = validity(certificate);
  const clock = `the clock says ${minute(nowMs)}`;
  const rootsEndMs = Math.max(...roots.map((root) => validity(root)[1]));
  const areRootsExpired = roots.length > 0 && nowMs > rootsEndMs;
  // No certificate is used before it has been issued, and a certificate and its root CA rarely expire at the same time, so assume that the
  // clock is wrong.
  if ((nowMs < from && !isClockTrusted) || (nowMs > to && (!isClockTrusted || areRootsExpired))) {
    const observed = `${clock}, the certificate is valid from ${minute(from)} to ${minute(to)}`;
    return [finding('clock_wrong', observed, 'set the clock first (timedatectl), then repeat the check; the certificate is probably fine')];
  }
  const found: Finding[] = [];
  if (!isClockTrusted)
    found.push(finding('clock_untrusted', `${clock} and is not synchronised yet`, 'repeat the check after the synchronisation', 'info'));
  if (nowMs < from) {
    const remedy = 'check the clock first (timedatectl): a certificate is usually valid from the moment it is issued';
    found.push(finding('cert_not_yet_valid', `${clock}, the certificate is valid only from ${minute(from)}`, remedy));
  } else if (nowMs > to) {
    const remedy = 'get a new certificate: elderly-bot certs provision, or init and import';
    found.push(finding('cert_expired', `${clock}, the certificate was valid until ${minute(to)}`, remedy));
  } else if (isClockTrusted && to - nowMs < EXPIRY_STAGES[0] * DAY_MS) {
    const observed = `valid until ${minute(to)}, ${Math.floor((to - nowMs) / DAY_MS)} days from now`;
    found.push(finding('cert_expires', observed, 'renew it: elderly-bot certs rotate, or init and import', 'warning'));
  }
  if (areRootsExpired)
    found.push(finding('root_ca_expired', `the root CA was valid until ${minute(rootsEndMs)}`, 'give the CA that the broker uses now'));
  return found;
}

function nameFindings(certificate: X509Certificate, { thing, isIotCore }: Identity): Finding[] {
  const name = commonName(certificate);
  if (name === thing || name === IOT_CORE_NAME) return [];
  const owner = name === undefined ? 'has no name' : `is for ${name}`;
  const observed = `the certificate ${owner}, this robot is ${thing}`;
  return isIotCore
    ? [finding('name_differs', observed, 'nothing, if IoT Core has it attached to the thing of this name', 'info')]
    : [finding('name_differs', observed, 'set `thing` to the certificate’s name, or get a certificate for this thing', 'warning')];
}

async function purposeFindings(certificate: X509Certificate): Promise<Finding[]> {
  if (certificate.ca) {
    const remedy = 'give the robot’s own certificate; the CA belongs in root_ca';
    return [finding('cert_is_ca', `${oneLine(certificate.subject)} is a CA, not a robot`, remedy)];
  }
  const remedy = 'have it issued for TLS clients (extended key usage clientAuth, key usage digitalSignature)';
  // Node.js returns the extended key usage as `keyUsage`, and has no property for the plain key usage.
  const purposes: readonly string[] = certificate.keyUsage ?? [];
  if (purposes.length > 0 && !purposes.includes(CLIENT_AUTH) && !purposes.includes(ANY_PURPOSE)) {
    const purpose = purposes.includes(SERVER_AUTH) ? 'is for servers such as brokers, not for clients' : 'is not for TLS clients';
    return [finding('cert_purpose', `the certificate ${purpose}`, remedy)];
  }
  const x509 = await loadX509();
  const usage = new x509.X509Certificate(certificate.raw).getExtension(x509.KeyUsagesExtension);
  if (!usage || usage.usages & x509.KeyUsageFlags.digitalSignature) return [];
  return [finding('cert_purpose', 'the certificate does not allow its key to sign, as TLS requires', remedy)];
}

function permissionFindings(file: Identity['keyFile']): Finding[] {
  if (!file || !isLooseKey(file.path, file.mode)) return [];
  const observed = `the private key ${file.path} has mode 0${file.mode.toString(8)}: others can read it`;
  return [finding('key_permissions', observed, `chmod 600 ${file.path}`)];
}

function minute(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
