export { absentCredentials, isAbsent, type OwnCredentials } from './absent.ts';
export { announcementOf } from './announcements.ts';
export { otherFiles, ownCertificates, revocation, secretFiles } from './belongings.ts';
export { choose, type HandedFile } from './chosen.ts';
export { BENCH_FILES, type BenchFiles, benchCertificates, DevCa, type IssuedFiles, type LeafOptions } from './devCa.ts';
export { type CertificateFacts, factsOf } from './facts.ts';
export {
  AMAZON_ROOT_CA,
  type CredentialPaths,
  type Credentials,
  identityPaths,
  readCredentials,
  refuseLooseKey,
  slotPaths,
} from './files.ts';
export { type KeyKind, newKey, signingRequest } from './keys.ts';
export { isLooseKey } from './looseKey.ts';
export { certificatesIn, commonName } from './pem.ts';
export { CREATE_TOPIC, clearProvisioning, isProvisioning, isUnfinished, type Provisioned, provision, provisionTopic } from './provision.ts';
export { CredentialFiles } from './reread.ts';
export { BACKUP_TYP, readStatement, signStatement } from './signature.ts';
export { type SlotContent, type SlotName, Slots } from './slots.ts';
export {
  CHECKS,
  DAY_MS,
  EXPIRY_STAGES,
  type ExpiryStage,
  expiryStage,
  FINDINGS,
  type Finding,
  type Identity,
  isIotCoreHost,
  isRotationDue,
  verifyIdentity,
} from './verify.ts';
