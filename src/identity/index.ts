export { Announcements, announcementOf } from './announcements.ts';
export { type Chosen, choose, type HandedFile } from './chosen.ts';
export { BENCH_FILES, type BenchFiles, benchCertificates, DevCa, type IssuedFiles, type LeafOptions } from './devCa.ts';
export { EXPIRY_STAGES, type ExpiryStage, expiryStage, isRotationDue } from './expiry.ts';
export {
  AMAZON_ROOT_CA,
  type ConfiguredPaths,
  type CredentialPaths,
  type Credentials,
  identityPaths,
  readCredentials,
  slotPaths,
} from './files.ts';
export { CHECKS, type Check, FINDINGS, type Finding, type FindingCode } from './findings.ts';
export { KEY_KINDS, type KeyKind, newKey, signingRequest } from './keys.ts';
export { blocksOf, describePem, type PemBlock, type PemKind, pemBlocks } from './pem.ts';
export {
  CREATE_TOPIC,
  isProvisioning,
  type Provisioned,
  type ProvisionOptions,
  provision,
  provisionTopic,
  tidy,
} from './provision.ts';
export { type SlotContent, type SlotName, Slots } from './slots.ts';
export {
  commonName,
  DAY_MS,
  EXPIRES_SOON_MS,
  type Identity,
  isIotCoreHost,
  privateKeyIn,
  validity,
  verifyIdentity,
} from './verify.ts';
