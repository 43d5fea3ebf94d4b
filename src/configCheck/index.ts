// The public API of the module `configCheck`.
export { channelErrors } from './channelErrors.ts';
export { type CheckReport, checkConfig } from './check.ts';
export { unknownField } from './field.ts';
export { type ConfigFinding, EntryFindings } from './finding.ts';
export { installedHere } from './installed.ts';
export { checkReflex } from './reflex.ts';
export { type Definitions, structOf } from './types.ts';
