export type { ArgumentConfig } from './arguments.ts';
export { type CameraConfig, COMPRESSED_IMAGE, IMAGE, type PrivacyZone } from './camera.ts';
export { type AlertWhen, type ChannelConfig, type Deadband, SILENT_SUFFIX } from './channel.ts';
export {
  BUILTIN_COMMANDS,
  type BuiltinCommand,
  type CommandConfig,
  type ConfirmConfig,
  DURATION,
  isVelocity,
  MAX_DRIVE_MS,
  type Publication,
  publicationsOf,
  STOP,
} from './commands.ts';
export { type Condition, holds } from './condition.ts';
export { type EffectiveValue, effectiveConfig } from './effective.ts';
export { type Endpoint, endpointOf } from './endpoint.ts';
export { configJsonSchema } from './jsonSchema.ts';
export { DEFAULT_FILE } from './layers.ts';
export { type LoadedConfig, loadConfig } from './load.ts';
export { rosNames } from './names.ts';
export { REDUCERS, type Reducer, type Remap, remap } from './ros.ts';
export { type SalvagedConfig, salvageConfig } from './salvage.ts';
export type { Config } from './schema.ts';
export { config as configSchema } from './schema.ts';
export { nameIn, namesIn } from './templates.ts';
