export { type BenchFiles, benchCertificates, DevCa, type IssuedFiles, type LeafOptions } from './devCa.ts';
export { type CredentialPaths, type Credentials, readCredentials } from './files.ts';
export { blocksOf, describePem, type PemBlock, type PemKind, pemBlocks } from './pem.ts';
export {
  CHECKS,
  type Check,
  commonName,
  DAY_MS,
  EXPIRES_SOON_MS,
  FINDINGS,
  type Finding,
  type FindingCode,
  type Identity,
  isIotCoreHost,
  privateKeyIn,
  validity,
  verifyIdentity,
} from './verify.ts';
