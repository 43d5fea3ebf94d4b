// Recognizes certificates and keys by their content, never by their file names, because every console and tool uses different ones. Pure
// functions.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** `encrypted_key`: a private key with a passphrase. `der`: the binary encoding, which is recognized but not supported. */
type PemKind = 'certificate' | 'private_key' | 'encrypted_key' | 'public_key' | 'request' | 'der' | 'nothing';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\n[\s\S]*?-----END \1-----/g;

const KINDS: Readonly<Record<string, PemKind>> = {
  CERTIFICATE: 'certificate',
  'X509 CERTIFICATE': 'certificate',
  'PRIVATE KEY': 'private_key',
  'RSA PRIVATE KEY': 'private_key',
  'EC PRIVATE KEY': 'private_key',
  'ENCRYPTED PRIVATE KEY': 'encrypted_key',
  'PUBLIC KEY': 'public_key',
  'RSA PUBLIC KEY': 'public_key',
  'CERTIFICATE REQUEST': 'request',
  'NEW CERTIFICATE REQUEST': 'request',
};

const NAMES: Readonly<Record<PemKind, string>> = {
  certificate: 'a certificate',
  private_key: 'a private key',
  encrypted_key: 'a private key with a passphrase',
  public_key: 'a public key, which the robot does not need',
  request: 'a certificate signing request (CSR), not a certificate yet',
  der: 'binary (DER), not PEM',
  nothing: 'no PEM file',
};

/**
 * Finds the PEM blocks of certificates, keys and CSRs. Accepts Windows line endings, and text around the blocks, such as mail programs add.
 * Skips other blocks, such as EC parameters.
 */
function pemBlocks(text: string): { readonly kind: PemKind; readonly pem: string }[] {
  const unix = text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  return [...unix.matchAll(BLOCK)].flatMap(([pem, label = '']) => {
    const kind = KINDS[label];
    if (kind === undefined) return [];
    const isEncrypted = kind === 'private_key' && pem.includes('Proc-Type: 4,ENCRYPTED');
    return [{ kind: isEncrypted ? 'encrypted_key' : kind, pem: `${pem}\n` }];
  });
}

export function blocksOf(text: string, kind: PemKind): string[] {
  return pemBlocks(text).flatMap((block) => (block.kind === kind ? [block.pem] : []));
}

/** Describes the content of a file, for the error message if it is the wrong file. */
export function describePem(text: string): string {
  const [first] = pemBlocks(text);
  if (first) return NAMES[first.kind];
  // A DER file of 256 bytes or more starts with 0x30 0x82. Read as UTF-8, that is `0` and a replacement character.
  if (text.startsWith('0\ufffd')) return NAMES.der;
  return text.trim() === '' ? 'an empty file' : NAMES.nothing;
}

/** Parses the certificates in a PEM text. Skips damaged ones. */
export function certificatesIn(text: string): X509Certificate[] {
  return blocksOf(text, 'certificate').flatMap((pem) => {
    try {
      return [new X509Certificate(pem)];
    } catch {
      return [];
    }
  });
}

/** Returns the first private key in a PEM text that is neither damaged nor encrypted. */
export function privateKeyIn(text: string): KeyObject | undefined {
  for (const pem of blocksOf(text, 'private_key')) {
    try {
      return createPrivateKey(pem);
    } catch {
      // Skip a damaged key: a later block may contain a good one.
    }
  }
  return undefined;
}

/** Returns the subject's common name, or undefined if it has none. */
export function commonName(certificate: X509Certificate): string | undefined {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1];
}

/** Returns the validity period, in milliseconds since 1970. */
export function validity(certificate: X509Certificate): readonly [fromMs: number, toMs: number] {
  return [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
}
