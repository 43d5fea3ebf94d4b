// Declares the functions of rclnodejs' native module that this program calls, checks that a loaded module has them, and converts QoS
// profiles to and from their numeric values.
import type { EndpointInfo, QosProfile } from '../types.ts';

/** These declarations were written and tested for this version of rclnodejs. package.json must pin the same version. */
export const SUPPORTED_VERSION = '2.2.0';

export interface NativeQos {
  readonly history: number;
  readonly depth: number;
  readonly reliability: number;
  readonly durability: number;
  readonly liveliness: number;
  readonly avoidRosNameSpaceConventions: boolean;
}

export interface NativeHandle {
  release(): void;
}

/** Waits in rcl_wait on its own thread and calls `execute` on the main thread with the handles that are ready. */
export interface NativeExecutor {
  start(context: NativeHandle, timeoutMs: number): void;
  stop(): void;
  syncHandles(): void;
}

export interface NativeEndpoint {
  readonly node_name: string;
  readonly node_namespace: string;
  readonly topic_type: string;
  /** Missing before ROS Iron. Version 0 means that the publisher does not announce a hash. */
  readonly topic_type_hash?: { readonly version: number; readonly value: Buffer };
  readonly endpoint_gid: readonly number[];
  readonly qos_profile: { readonly reliability: number; readonly durability: number };
}

/** The origin of a sample (rmw_message_info_t in rmw/types.h). A middleware without sequence numbers reports the number as -1. */
export interface NativeMessageInfo {
  readonly source_timestamp: bigint;
  readonly publication_sequence_number: bigint;
  readonly publisher_gid: Buffer;
}

export interface NativeBinding {
  readonly ShadowNode: new () => NativeExecutor;
  createContext(): NativeHandle;
  init(context: NativeHandle, args: readonly string[], domainId: bigint): void;
  shutdown(context: NativeHandle): void;
  createNode(
    name: string,
    namespace: string,
    context: NativeHandle,
    args: readonly string[],
    useGlobalArguments: boolean,
    rosoutQos: null,
  ): NativeHandle;
  createGuardCondition(context: NativeHandle): NativeHandle;
  triggerGuardCondition(guard: NativeHandle): void;
  createSubscription(
    node: NativeHandle,
    pkg: string,
    folder: 'msg',
    name: string,
    topic: string,
    options: { qos: NativeQos },
  ): NativeHandle;
  rclTakeRaw(subscription: NativeHandle): Buffer | undefined;
  /** Writes the message into `struct` as a C struct with pointers. Undefined if no sample waits, or if a sample has other bytes. */
  rclTakeWithInfo(subscription: NativeHandle, struct: Buffer): NativeMessageInfo | undefined;
  serialize(pkg: string, folder: 'msg', name: string, struct: Buffer): Buffer;
  createPublisher(node: NativeHandle, pkg: string, folder: 'msg', name: string, topic: string, qos: NativeQos): NativeHandle;
  publishRawMessage(publisher: NativeHandle, bytes: Buffer): void;
  getSubscriptionCount(publisher: NativeHandle): number;
  waitForAllAcked(publisher: NativeHandle, nanoseconds: bigint): boolean;
  getPublishersInfoByTopic(node: NativeHandle, topic: string, noDemangle: boolean): readonly NativeEndpoint[];
  getSubscriptionsInfoByTopic(node: NativeHandle, topic: string, noDemangle: boolean): readonly NativeEndpoint[];
  getTopicNamesAndTypes(node: NativeHandle, noDemangle: boolean): readonly { name: string; types: string[] }[];
  getNodeNames(node: NativeHandle, withEnclaves: boolean): readonly { name: string; namespace: string }[];
}

/**
 * How many arguments each C++ function reads. The addon reports a `function.length` of 0 for all functions, so the loader cannot check
 * these numbers. Instead, test/ros/native/ compares them with the package's C++ sources.
 */
export const ARGUMENTS = {
  ShadowNode: 0,
  createContext: 0,
  init: 3,
  shutdown: 1,
  createNode: 6,
  createGuardCondition: 1,
  triggerGuardCondition: 1,
  createSubscription: 6,
  rclTakeRaw: 1,
  rclTakeWithInfo: 2,
  serialize: 4,
  createPublisher: 6,
  publishRawMessage: 2,
  getSubscriptionCount: 1,
  waitForAllAcked: 2,
  getPublishersInfoByTopic: 3,
  getSubscriptionsInfoByTopic: 3,
  getTopicNamesAndTypes: 2,
  getNodeNames: 2,
} as const satisfies Readonly<Record<keyof NativeBinding, number>>;

/** How many arguments each method of ShadowNode reads. */
export const EXECUTOR_ARGUMENTS = {
  start: 2,
  stop: 0,
  syncHandles: 0,
} as const satisfies Readonly<Record<keyof NativeExecutor, number>>;

/** @returns one sentence for each function that is missing or has a different number of arguments. */
export function functionProblems(exports: unknown): readonly string[] {
  const functions = Object(exports) as Readonly<Record<string, unknown>>;
  const { ShadowNode } = functions;
  const methods = (typeof ShadowNode === 'function' ? ShadowNode.prototype : {}) as Readonly<Record<string, unknown>>;
  return [
    ...Object.entries(ARGUMENTS).flatMap(([name, expected]) => problemOf(name, functions[name], expected)),
    ...Object.entries(EXECUTOR_ARGUMENTS).flatMap(([name, expected]) => problemOf(`ShadowNode.${name}`, methods[name], expected)),
  ];
}

function problemOf(name: string, value: unknown, expected: number): readonly string[] {
  if (typeof value !== 'function') return [`${name} is missing`];
  if (value.length === 0 || value.length === expected) return [];
  return [`${name} takes ${value.length} arguments instead of ${expected}`];
}

/** Enum values from rmw/types.h. */
const KEEP_LAST = 1;
const RELIABLE = 1;
const BEST_EFFORT = 2;
const TRANSIENT_LOCAL = 1;
const VOLATILE = 2;
const LIVELINESS_DEFAULT = 0;

export function toNativeQos(qos: QosProfile): NativeQos {
  return {
    history: KEEP_LAST,
    depth: qos.depth,
    reliability: qos.reliability === 'reliable' ? RELIABLE : BEST_EFFORT,
    durability: qos.durability === 'transient_local' ? TRANSIENT_LOCAL : VOLATILE,
    liveliness: LIVELINESS_DEFAULT,
    avoidRosNameSpaceConventions: false,
  };
}

export function fromNativeQos(qos: NativeEndpoint['qos_profile']): EndpointInfo['qos'] {
  return {
    reliability: qos.reliability === RELIABLE ? 'reliable' : qos.reliability === BEST_EFFORT ? 'best_effort' : 'unknown',
    durability: qos.durability === TRANSIENT_LOCAL ? 'transient_local' : qos.durability === VOLATILE ? 'volatile' : 'unknown',
  };
}
