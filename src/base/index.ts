export { ago } from './ago.ts';
export { type BackoffLimits, backoffMs, STABLE_AFTER_MS } from './backoff.ts';
export { codeOf, messageOf } from './errors.ts';
export { nearestCause } from './nearestCause.ts';
export { replaceFile } from './replaceFile.ts';
export { configFlag, quoted, setupProgram } from './shell.ts';
export { every, type Ticker, wait } from './waiting.ts';
