// Chooses the files of an identity by their content, whatever their names: the certificate whose key is present, the certificates that
// signed it, and the broker's root CA. Pure.
import { X509Certificate } from 'node:crypto';
import { blocksOf, describePem } from './pem.ts';
import type { SlotContent } from './slots.ts';
import { commonName, privateKeyIn } from './verify.ts';

export interface HandedFile {
  readonly path: string;
  readonly text: string;
}

export type Chosen =
  | { readonly content: SlotContent; readonly files: readonly string[] }
  /** Why no identity could be chosen, and the remedy. */
  | { readonly content: undefined; readonly why: string; readonly remedy: string };

interface Found {
  readonly path: string;
  readonly pem: string;
  readonly certificate: X509Certificate;
}

/** @param ownKeys keys that were created on this robot and never left it. */
export function choose(files: readonly HandedFile[], thing: string, ownKeys: readonly HandedFile[] = []): Chosen {
  const certificates = files.flatMap(({ path, text }) => blocksOf(text, 'certificate').flatMap((pem) => parsed(path, pem)));
  const leaves = certificates.filter(({ certificate }) => !certificate.ca);
  const keys = [...files, ...ownKeys].flatMap(({ path, text }) => {
    const key = privateKeyIn(text);
    return key ? [{ path, key, pem: blocksOf(text, 'private_key')[0] ?? '' }] : [];
  });
  const pairs = leaves.flatMap((leaf) => keys.filter(({ key }) => leaf.certificate.checkPrivateKey(key)).map((key) => ({ leaf, key })));
  const named = pairs.filter(({ leaf }) => commonName(leaf.certificate) === thing);
  const [pair, ...more] = named.length > 0 ? named : pairs;
  if (!pair) return nothing(files, leaves, keys.length);
  const others = more.filter(({ leaf }) => leaf.certificate.fingerprint256 !== pair.leaf.certificate.fingerprint256);
  if (others.length > 0) {
    const names = [pair, ...others].map(({ leaf }) => leaf.path).join(', ');
    return {
      content: undefined,
      why: `there is more than one certificate with its key: ${names}`,
      remedy: 'give the files of this robot only',
    };
  }
  const authorities = certificates.filter(({ certificate }) => certificate.ca);
  const chain = issuersOf(pair.leaf, authorities);
  const roots = authorities.filter(({ certificate }) => certificate.subject === certificate.issuer);
  const used = [pair.leaf, pair.key, ...chain, ...roots].map(({ path }) => path);
  return {
    content: {
      cert: [pair.leaf, ...chain].map(({ pem }) => pem).join(''),
      key: pair.key.pem,
      rootCa: roots.length > 0 ? [...new Set(roots.map(({ pem }) => pem))].join('') : null,
    },
    files: [...new Set(used)],
  };
}

function parsed(path: string, pem: string): Found[] {
  try {
    return [{ path, pem, certificate: new X509Certificate(pem) }];
  } catch {
    return [];
  }
}

/** Intermediate certificates between the certificate and a root, in order. A broker that knows only the root needs them. */
function issuersOf(leaf: Found, authorities: readonly Found[]): Found[] {
  const chain: Found[] = [];
  for (let last = leaf; chain.length < authorities.length; ) {
    const issuer = authorities.find(
      ({ certificate }) => last.certificate.checkIssued(certificate) && !chain.some((c) => c.certificate === certificate),
    );
    if (!issuer || issuer.certificate.subject === issuer.certificate.issuer) break;
    chain.push(issuer);
    last = issuer;
  }
  return chain;
}

function nothing(files: readonly HandedFile[], leaves: readonly Found[], keys: number): Chosen {
  const what = files.map(({ path, text }) => `${path} is ${describePem(text)}`).join('; ') || 'there are no files';
  const refuse = (why: string, remedy: string): Chosen => ({ content: undefined, why: `${why} (${what})`, remedy });
  if (leaves.length === 0) {
    return refuse('no robot’s certificate is among the files', 'in AWS it is the file whose name ends in -certificate.pem.crt');
  }
  if (keys > 0)
    return refuse('no private key is the certificate’s', 'give the pair that was made together; in AWS both names begin with the same id');
  const isEncrypted = files.some(({ text }) => blocksOf(text, 'encrypted_key').length > 0);
  if (isEncrypted)
    return refuse('the private key has a passphrase', 'a robot can’t type a passphrase: remove it with openssl pkey -in KEY -out NEWKEY');
  return refuse(
    'the certificate’s private key is not among the files',
    'in AWS it is the file whose name ends in -private.pem.key; AWS shows it once',
  );
}
