// The public API of ROS. A subscription that may wait sets `everyMs`; a camera asks for the newest picture only:
// `subscribe({ topic, type, qos: { ...DEFAULT_QOS, depth: 1 }, everyMs: 200, onMessage })`. Samples that are not taken stay in DDS, which
// drops the oldest. Numeric arrays are views of the only copy of a message. `poll()` takes the newest sample at once.
export { amentPrefixes, aptName, locateMessage } from './installed.ts';
export {
  checkNodeName,
  checkTopicName,
  checkTypeName,
  fullName,
  MAX_DOMAIN_ID,
  resolveDomainId,
} from './names.ts';
export { startRosNode } from './native/start.ts';
export { DEFAULT_QOS } from './qos.ts';
export { SharedMemoryRepair } from './sharedMemory/repair.ts';
export { SimulatedRos } from './simulated/node.ts';
export { type SimulatedOptions, SimulatedWorld } from './simulated/world.ts';
export type * from './types.ts';
