export { LIFETIME_FILE, Lifetime, lastKnownWallMs, restoreLifetime } from './lifetime.ts';
export { lockHolder, lockStateDir, type StateLock } from './lock.ts';
export type { Run, Stopped } from './run.ts';
