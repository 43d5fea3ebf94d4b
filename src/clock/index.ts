export { type BackoffLimits, backoffMs, STABLE_AFTER_MS } from './backoff.ts';
export { BUILD_FLOOR_MS, type Clock, isTrusted, systemClock } from './clock.ts';
export { ENDINGS, type Ending, isUnasked, parseSeen, type Run, type SeenBySystemd, type Stopped, whyEnded } from './ending.ts';
export { LIFETIME_FILE, Lifetime, lastKnownWallMs, replaceFile, restoreLifetime } from './lifetime.ts';
export { nearestCause } from './nearestCause.ts';
export { type JobMemory, type JobStore, Schedules, type SchedulesOptions } from './schedule.ts';
export { CLOCKS_DIFFER_MS, type ClockLook, ClockSteps } from './steps.ts';
export { every, type Ticker, wait } from './ticker.ts';
