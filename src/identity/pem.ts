// Recognizes certificate and key files by their content, never by their name: every console, tool and colleague names
// them differently. Pure.

/** `encrypted_key`: a private key with a passphrase. `der`: binary form, which this program does not read. */
export type PemKind = 'certificate' | 'private_key' | 'encrypted_key' | 'public_key' | 'request' | 'der' | 'nothing';

export interface PemBlock {
  readonly kind: PemKind;
  readonly pem: string;
}

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

/** PEM blocks of certificates and keys, without text that mail programs and Windows add. Other blocks, such as EC parameters, are skipped. */
export function pemBlocks(text: string): PemBlock[] {
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

/** Describes a file for a person who chose the wrong one. */
export function describePem(text: string): string {
  const [first] = pemBlocks(text);
  if (first) return NAMES[first.kind];
  // DER starts with an ASN.1 sequence, 0x30 0x82; this is its UTF-8 reading.
  if (text.startsWith('0\ufffd')) return NAMES.der;
  return text.trim() === '' ? 'an empty file' : NAMES.nothing;
}

const NAMES: Readonly<Record<PemKind, string>> = {
  certificate: 'a certificate',
  private_key: 'a private key',
  encrypted_key: 'a private key with a passphrase',
  public_key: 'a public key, which nothing here needs',
  request: 'a signing request (CSR), not yet a certificate',
  der: 'binary (DER), not PEM',
  nothing: 'no PEM file',
};
