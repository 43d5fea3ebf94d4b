// Declares ROS 2 for the other modules: nodes, topics and messages as plain objects, without a ROS library.
import type { AgentError } from '../errors.ts';
import type { SharedMemoryRepair } from './sharedMemory/repair.ts';

export interface RosStamp {
  readonly sec: number;
  readonly nanosec: number;
}

/**
 * A message as a plain object with the field names of its .msg file. Numeric arrays are typed arrays: views of the only copy of the message.
 * `time` and `duration` are RosStamp. A 64-bit integer is a number if that is exact, else a bigint.
 */
export type RosMessage = Readonly<Record<string, unknown>>;

export interface QosProfile {
  readonly reliability: 'reliable' | 'best_effort';
  readonly durability: 'volatile' | 'transient_local';
  /** The number of samples that a subscription keeps until they are taken, or that a transient-local publisher keeps for late subscribers. */
  readonly depth: number;
}

export const DEFAULT_QOS: QosProfile = { reliability: 'reliable', durability: 'volatile', depth: 10 };

export interface SubscribeOptions {
  /** Absolute name, such as `/gas_detected`. */
  readonly topic: string;
  /** `std_msgs/msg/Bool` or `std_msgs/Bool`. */
  readonly type: string;
  readonly qos: QosProfile;
  /**
   * Milliseconds that samples may wait. With 0, the default, each sample is delivered at once. With another number, only a calm topic delivers
   * at once. On a busy topic, samples gather in DDS, and a poll takes them every `everyMs`. DDS keeps the newest `qos.depth` samples and drops
   * the others without a copy, a decode or a count. A camera that needs five images a second sets `depth: 1` and `everyMs: 200`.
   */
  readonly everyMs?: number;
  /** Limits the samples that are decoded and delivered. Above this rate only the latest sample is delivered; the others count as dropped. */
  readonly maxPerSecond?: number;
  /** Called once for each sample, in order of arrival. An exception is reported to `onError` and does not end the subscription. */
  onMessage(message: RosMessage): void;
  /** Called for a malformed sample (ROS_MESSAGE_INVALID), and for an exception of `onMessage`. The default is a process warning. */
  onError?(error: AgentError | Error): void;
}

export interface RosSubscription {
  /** Number of samples taken. */
  readonly received: number;
  /** Number of `received` samples that are not a message of the type. */
  readonly invalid: number;
  /** Number of `received` samples for which `onMessage` threw an exception. */
  readonly failed: number;
  /** Number of `received` samples above `maxPerSecond`, which were not decoded. */
  readonly dropped: number;
  /** Size of the largest sample in bytes. */
  readonly largest: number;
  /** Takes the waiting samples now, before `everyMs` has passed. */
  poll(): void;
  close(): void;
}

export interface RosPublisher {
  /** @throws AgentError ROS_MESSAGE_INVALID with the field and the expected type, before any byte is published. */
  publish(message: RosMessage): void;
  /** Number of subscriptions that match now. */
  readonly subscribers: number;
  close(): void;
}

export interface EndpointInfo {
  readonly node: string;
  readonly namespace: string;
  /** The publisher's type, such as `std_msgs/msg/Bool`. It may differ from the type of a subscription on the topic. */
  readonly type: string;
  readonly qos: {
    readonly reliability: 'reliable' | 'best_effort' | 'unknown';
    readonly durability: 'volatile' | 'transient_local' | 'unknown';
  };
}

export interface TopicInfo {
  readonly topic: string;
  readonly types: readonly string[];
}

export interface RosNode {
  /** @throws AgentError ROS_TOPIC_INVALID, ROS_TYPE_UNKNOWN, CLOSED */
  subscribe(options: SubscribeOptions): RosSubscription;
  /** @param qos reliable, volatile and depth 10 by default. @throws AgentError with the codes of `subscribe` */
  advertise(topic: string, type: string, qos?: QosProfile): RosPublisher;
  publishersOf(topic: string): readonly EndpointInfo[];
  topics(): readonly TopicInfo[];
  /** Number of the executor's turns since the start. */
  readonly turns: number;
  /** Wakes the executor and waits for its turn. This checks the executor without traffic. */
  turn(): Promise<void>;
  /** Calls no callback from now on. Resolves when all resources are released. May be called twice. */
  stop(): Promise<void>;
}

export interface RosNodeOptions {
  readonly name: string;
  readonly namespace?: string | undefined;
  /** 0 to 232. By default or with null, the domain is ROS_DOMAIN_ID, else 0. */
  readonly domainId?: number | null | undefined;
  /** By default the shared memory of Fast DDS stays unchanged (docs/adr/0002-shared-memory-repair.md). */
  readonly sharedMemory?: SharedMemoryRepair | undefined;
}
