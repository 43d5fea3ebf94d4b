export { belongings, lockAllState } from './belongings.ts';
export { LIFETIME_FILE, Lifetime, lastKnownWallMs, type Run, restoreLifetime, SAVED_EVERY_MS, type Stopped } from './lifetime.ts';
export { lockHolder, lockStateDir, type StateLock } from './lock.ts';
export { requireOwnFolder } from './ownFolder.ts';
export { findStandIn, makeStandIn } from './standIn.ts';
export { openStorage, STAND_IN_BYTES, type Storage, storageFailure } from './storage.ts';
