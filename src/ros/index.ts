// The public API of the module `ros`.
export { amentPrefixes, locateMessage } from './installed.ts';
export { fullName, resolveDomainId } from './names.ts';
export { startRosNode } from './native/node.ts';
export { SharedMemoryRepair } from './sharedMemory/repair.ts';
export { SimulatedRos, SimulatedWorld } from './simulated.ts';
export type * from './types.ts';
