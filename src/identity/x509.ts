// Loads @peculiar/x509 and its dependencies on first use. An agent that only reads its certificate starts about 20 ms earlier
// without it.
import { webcrypto } from 'node:crypto';

export type X509 = typeof import('@peculiar/x509');

export async function loadX509(): Promise<X509> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}
