// The door to ROS. A subscription that may wait says so with `everyMs`, and a camera of which a few pictures a second are wanted asks for
// the newest only: `subscribe({ topic, type, qos: { ...DEFAULT_QOS, depth: 1 }, everyMs: 200, onMessage })`. What it does not take stays in
// DDS and gives way there; its numeric arrays are views of the one copy made. `look()` takes the newest at once.
export { amentPrefixes, aptName, locateMessage } from './installed.ts';
export {
  checkNodeName,
  checkTopicName,
  checkTypeName,
  fullName,
  MAX_DOMAIN_ID,
  resolveDomainId,
} from './names.ts';
export { startRosNode } from './node.ts';
export { SharedPorts } from './sharedPorts.ts';
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
