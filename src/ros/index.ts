export { amentPrefixes, aptName, locateMessage } from './installed.ts';
export {
  absoluteTopic,
  checkNodeName,
  checkTopicName,
  checkTypeName,
  MAX_DOMAIN_ID,
  resolveDomainId,
} from './names.ts';
export { startRosNode } from './node.ts';
export {
  type SimulatedOptions,
  SimulatedRos,
  SimulatedWorld,
} from './simulated.ts';
export {
  DEFAULT_QOS,
  type EndpointInfo,
  type QosProfile,
  type RosMessage,
  type RosNode,
  type RosNodeOptions,
  type RosPublisher,
  type RosStamp,
  type RosSubscription,
  type SubscribeOptions,
  type TopicInfo,
} from './types.ts';
