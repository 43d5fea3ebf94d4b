// Creates private keys and certificate signing requests (CSRs) on the robot. The private key never has to leave the robot, because a CSR
// contains only the public key.
import { createPrivateKey, webcrypto } from 'node:crypto';

export type KeyKind = 'ec' | 'rsa';

/** EC P-256, the default, has small keys and fast signatures. RSA 2048 is only for systems that require RSA. */
export const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]) } as const;

export type X509 = typeof import('@peculiar/x509');

/** Imports @peculiar/x509 only when it is needed: an agent that merely reads its certificate starts about 20 ms faster without it. */
export async function loadX509(): Promise<X509> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

/** Creates a private key. @returns PKCS#8 as PEM */
export async function newKey(kind: KeyKind): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(kind === 'ec' ? EC : RSA, true, ['sign', 'verify']);
  const x509 = await loadX509();
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')}\n`;
}

/**
 * Creates a certificate signing request (PKCS#10) for a key.
 * @param key an unencrypted private key as PEM, either EC P-256 or RSA.
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
