// The part of rclnodejs' native module that this program calls, and the check that a loaded module has it.

/** The version of rclnodejs that these functions were read in and tested with; package.json pins the same one. */
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

/** A thread waits in rcl_wait and calls `execute` on the main thread with the handles that are ready. */
export interface NativeExecutor {
  start(context: NativeHandle, timeoutMs: number): void;
  stop(): void;
  syncHandles(): void;
}

export interface NativeEndpoint {
  readonly node_name: string;
  readonly node_namespace: string;
  readonly topic_type: string;
  readonly qos_profile: {
    readonly reliability: number;
    readonly durability: number;
  };
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
  createPublisher(node: NativeHandle, pkg: string, folder: 'msg', name: string, topic: string, qos: NativeQos): NativeHandle;
  publishRawMessage(publisher: NativeHandle, bytes: Buffer): void;
  getSubscriptionCount(publisher: NativeHandle): number;
  getPublishersInfoByTopic(node: NativeHandle, topic: string, noDemangle: boolean): readonly NativeEndpoint[];
  getTopicNamesAndTypes(node: NativeHandle, noDemangle: boolean): readonly { name: string; types: string[] }[];
}

/**
 * How many arguments the C++ function reads. The addon itself reports 0 for each function (`function.length`), so the loader can
 * compare only an addon that reports more; test/ros/native/ compares this table with the C++ sources of the package.
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
  createPublisher: 6,
  publishRawMessage: 2,
  getSubscriptionCount: 1,
  getPublishersInfoByTopic: 3,
  getTopicNamesAndTypes: 2,
} as const satisfies Readonly<Record<keyof NativeBinding, number>>;

/** As ARGUMENTS, for the methods of ShadowNode. */
export const EXECUTOR_ARGUMENTS = {
  start: 2,
  stop: 0,
  syncHandles: 0,
} as const satisfies Readonly<Record<keyof NativeExecutor, number>>;

/** @returns one sentence for each function that is missing or takes another number of arguments. */
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
