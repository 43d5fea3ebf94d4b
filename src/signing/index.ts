export { canonicalCommand, duplicateKey, type SignedCommand } from './canonical.ts';
export { type FamilyKey, fingerprintOf, type PresentedKey, shownFingerprint } from './familyKey.ts';
export { FamilyKeys, keyName, type PairedKeys } from './familyKeys.ts';
export { keyGap } from './gap.ts';
export { presentedKeyOf, readSigningKey } from './keyText.ts';
export { type Signable, signCommand } from './sign.ts';
export { verifySignature } from './verify.ts';
