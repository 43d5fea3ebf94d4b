export { DEFINED_SCALE } from './battery.ts';
export { type CameraConfig, cameraTypes, type PrivacyZone } from './camera.ts';
export { type AlertWhen, type ChannelConfig, type Deadband, MAX_ALERT_NAME_CHARACTERS } from './channel.ts';
export {
  type ArgumentConfig,
  type BuiltinCommand,
  type CommandConfig,
  type ConfirmConfig,
  DURATION,
  isVelocity,
  moverOf,
  nameIn,
  namesIn,
  type Publication,
  publicationsOf,
  STOP,
} from './commands.ts';
export { type Condition, holds } from './condition.ts';
export { type GraphTopic, imageAdvice, isDepth, unsuitableContent } from './imageTopics.ts';
export { effectiveConfig } from './layers.ts';
export { type LoadedConfig, loadConfig } from './load.ts';
export { parseMessage } from './messageText.ts';
export { BATTERY, BOOL, COMPRESSED_IMAGE, DIAGNOSTICS, EMPTY, IMAGE, IMAGE_TYPES, isImageType } from './messageTypes.ts';
export { isOwnNode, rosNames } from './names.ts';
export { nearest } from './nearest.ts';
export { isExact, MAX_EXACT, readingOf } from './number.ts';
export { matchesPattern } from './pattern.ts';
export { type Announcement, announcementsOf, type ReflexConfig } from './reflex.ts';
export { fieldPath, type Reducer, type Remap, remap } from './ros.ts';
export { type SalvagedConfig, salvageConfig } from './salvage.ts';
export { type Config, configJsonSchema, configSchema } from './schema.ts';
export { booleanLine, inWords, isCalm, UNKNOWN_LIMIT, UNKNOWN_TEXT } from './suggestion.ts';
export { isHidden, partsOf } from './topicParts.ts';
export { AUTO_UNIT, isDistance, isPercent } from './units.ts';
export { brokerOf, duration, type Endpoint, endpointOf } from './values.ts';
