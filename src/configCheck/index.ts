// The public API of the module `configCheck`.
export { type CheckReport, checkConfig } from './check.ts';
export type { ConfigFinding } from './finding.ts';
export { installedHere } from './installed.ts';
export type { Definitions } from './types.ts';
