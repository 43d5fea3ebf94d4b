// Picks the parts of an identity from files by their content, not by their names: the certificate whose key is present, the intermediate
// certificates that lead to its root, and the root CA. Pure functions.
import type { X509Certificate } from 'node:crypto';
import { blocksOf, certificatesIn, commonName, describePem, privateKeyIn } from './pem.ts';
import type { SlotContent } from './slots.ts';

export interface HandedFile {
  readonly path: string;
  readonly text: string;
}

type Chosen =
  | { readonly content: SlotContent; readonly files: readonly string[] }
  | { readonly content: undefined; readonly reason: string; readonly remedy: string };

interface Found {
  readonly path: string;
  readonly certificate: X509Certificate;
}

/** Prefers a certificate whose common name is the thing name. @param ownKeys keys that are already on this robot. */
export function choose(files: readonly HandedFile[], thing: string, ownKeys: readonly HandedFile[] = []): Chosen {
  const certificates = files.flatMap(({ path, text }) => certificatesIn(text).map((certificate) => ({ path, certificate })));
  const leaves = certificates.filter(({ certificate }) => !certificate.ca);
  const keys = [...files, ...ownKeys].flatMap(({ path, text }) => {
    const key = privateKeyIn(text);
    return key ? [{ path, key, pem: blocksOf(text, 'private_key')[0] ?? '' }] : [];
  });
  const pairs = leaves.flatMap((leaf) => keys.filter(({ key }) => leaf.certificate.checkPrivateKey(key)).map((key) => ({ leaf, key })));
  const named = pairs.filter(({ leaf }) => commonName(leaf.certificate) === thing);
  const [pair, ...more] = named.length > 0 ? named : pairs;
  if (!pair) return refusal(files, leaves.length > 0, keys.length > 0);
  const others = more.filter(({ leaf }) => leaf.certificate.fingerprint256 !== pair.leaf.certificate.fingerprint256);
  if (others.length > 0) {
    const names = [pair, ...others].map(({ leaf }) => leaf.path).join(', ');
    const reason = `there is more than one certificate with its key: ${names}`;
    return { content: undefined, reason, remedy: 'give only the files of this robot' };
  }
  const authorities = certificates.filter(({ certificate }) => certificate.ca);
  const chain = issuersOf(pair.leaf, authorities);
  const roots = authorities.filter(({ certificate }) => certificate.subject === certificate.issuer);
  return {
    content: {
      cert: [pair.leaf, ...chain].map(({ certificate }) => certificate.toString()).join(''),
      key: pair.key.pem,
      rootCa: roots.length > 0 ? [...new Set(roots.map(({ certificate }) => certificate.toString()))].join('') : null,
    },
    files: [...new Set([pair.leaf, pair.key, ...chain, ...roots].map(({ path }) => path))],
  };
}

/** Returns the intermediate certificates from the leaf up to its root. The robot has to send them to a broker that knows only the root. */
function issuersOf(leaf: Found, authorities: readonly Found[]): Found[] {
  const chain: Found[] = [];
  for (let last = leaf; chain.length < authorities.length; ) {
    const issuer = authorities.find((authority) => last.certificate.checkIssued(authority.certificate) && !chain.includes(authority));
    if (!issuer || issuer.certificate.subject === issuer.certificate.issuer) break;
    chain.push(issuer);
    last = issuer;
  }
  return chain;
}

function refusal(files: readonly HandedFile[], hasCertificate: boolean, hasKey: boolean): Chosen {
  const given = files.map(({ path, text }) => `${path} is ${describePem(text)}`).join('; ') || 'there are no files';
  const refuse = (reason: string, remedy: string): Chosen => ({ content: undefined, reason: `${reason} (${given})`, remedy });
  if (!hasCertificate) {
    return refuse(
      'the files contain no certificate of a robot',
      'add the certificate; the AWS console gives it a name that ends in -certificate.pem.crt',
    );
  }
  if (hasKey)
    return refuse(
      'no private key belongs to the certificate',
      'give the pair that was created together; in AWS both names begin with the same id',
    );
  if (files.some(({ text }) => blocksOf(text, 'encrypted_key').length > 0))
    return refuse('the private key has a passphrase', 'a robot can’t type a passphrase: remove it with openssl pkey -in KEY -out NEWKEY');
  return refuse(
    'the certificate’s private key is not among the files',
    'add the key; the AWS console shows it once, under a name that ends in -private.pem.key',
  );
}
