// The message types whose meaning the agent knows.
export const BATTERY = 'sensor_msgs/msg/BatteryState';
export const BOOL = 'std_msgs/msg/Bool';
export const COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage';
export const DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray';
/** A message without a value. Only an event channel can use it: each message is an occurrence. */
export const EMPTY = 'std_msgs/msg/Empty';
export const IMAGE = 'sensor_msgs/msg/Image';

/** The types of images that the agent decodes. The first one needs less of the network and of the processor. */
export const IMAGE_TYPES: readonly string[] = [COMPRESSED_IMAGE, IMAGE];

export function isImageType(type: string): boolean {
  return IMAGE_TYPES.includes(type);
}
