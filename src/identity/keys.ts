// Creates private keys and signing requests on the robot. A private key never leaves the robot; the request contains only the
// public key.
import { createPrivateKey, webcrypto } from 'node:crypto';

export type KeyKind = 'ec' | 'rsa';

/** EC P-256 is small and fast; RSA 2048 is for systems that require RSA. Brokers accept both. */
export const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]) } as const;

export type X509 = typeof import('@peculiar/x509');

/** Loads @peculiar/x509 on first use. An agent that only reads its certificate starts about 20 ms earlier without the library. */
export async function loadX509(): Promise<X509> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

/** @returns a PKCS#8 PEM. */
export async function newKey(kind: KeyKind): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(kind === 'ec' ? EC : RSA, true, ['sign', 'verify']);
  const x509 = await loadX509();
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')}\n`;
}

/**
 * Creates a signing request (PKCS#10) for a key.
 * @param key an unencrypted PEM, EC P-256 or RSA.
 * @param thing becomes the common name.
 */
export async function signingRequest(key: string, thing: string): Promise<string> {
  const x509 = await loadX509();
  const privateKey = createPrivateKey(key);
  const algorithm = privateKey.asymmetricKeyType === 'rsa' ? RSA : EC;
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  const signing = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  const { d, p, q, dp, dq, qi, ...publicHalf } = await webcrypto.subtle.exportKey('jwk', signing);
  const verifying = await webcrypto.subtle.importKey('jwk', { ...publicHalf, key_ops: ['verify'] }, algorithm, true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [thing] }],
    keys: { privateKey: signing, publicKey: verifying },
    signingAlgorithm: algorithm,
  });
  return `${request.toString('pem')}\n`;
}
