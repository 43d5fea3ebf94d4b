// The public API of the module `ros`.
export { checkMessage } from './codec.ts';
export { defineStruct, describeType, type Scalar, type Struct } from './definition.ts';
export { addresses, discoveryServer, domainText } from './discovery.ts';
export { domainsInUse } from './domains.ts';
export { compileEncoder } from './encode.ts';
export { type PublishedTopic, publishedTopics } from './graph.ts';
export { amentPrefixes, installCommand } from './install.ts';
export { installedDefinitions, installedMessages, installedPackages, locateMessage } from './installed.ts';
export { KeptRos } from './kept.ts';
export { isSame, match, type Offer, type Wanted } from './match.ts';
export { fullName, isNamed, namedPublishers, parseTypeName, resolveDomainId } from './names.ts';
export { startRosNode } from './native/node.ts';
export { isCompatible } from './qos.ts';
export { localSetting, type Reach, reachOf } from './reach.ts';
export { SharedMemoryRepair } from './sharedMemory/repair.ts';
export { SimulatedRos, SimulatedWorld } from './simulated.ts';
export type * from './types.ts';
