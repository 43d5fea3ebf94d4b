// ROS 2 for the rest of the program: topics, types and plain objects, without a ROS library.
import type { AgentError } from '../errors.ts';
import type { SharedMemoryRepair } from './sharedMemory/repair.ts';

export interface RosStamp {
  readonly sec: number;
  readonly nanosec: number;
}

/**
 * A message as a plain object with the field names of its .msg file. Numeric arrays are typed arrays (`uint8[]` shares the memory of the
 * message), `time` and `duration` are RosStamp; a 64-bit integer is a number if that is exact, else a bigint.
 */
export type RosMessage = Readonly<Record<string, unknown>>;

export interface QosProfile {
  readonly reliability: 'reliable' | 'best_effort';
  readonly durability: 'volatile' | 'transient_local';
  /** Samples kept: by a subscription until they are taken, by a transient-local publisher for late subscribers. */
  readonly depth: number;
}

export interface SubscribeOptions {
  /** Absolute name, such as `/gas_detected`. */
  readonly topic: string;
  /** `std_msgs/msg/Bool` or `std_msgs/Bool`. */
  readonly type: string;
  readonly qos: QosProfile;
  /**
   * Milliseconds that samples may wait. Left out or 0: each sample is handed over at once. Otherwise this holds for a calm topic only; on a
   * busy topic samples gather in DDS and are taken together every `everyMs`, at most `qos.depth` of them. DDS drops the others without a copy,
   * a decode or a count. A camera from which five pictures a second are enough has depth 1 and 200.
   */
  readonly everyMs?: number;
  /** The most samples a second to decode and hand over. Above that only the latest is; the others count as dropped. */
  readonly maxPerSecond?: number;
  /** Called once for each sample, in order of arrival. An exception goes to `onError` and stops nothing. */
  onMessage(message: RosMessage): void;
  /** Called for a sample that is not of the type (ROS_MESSAGE_INVALID), and for an exception of `onMessage`. Left out: a process warning. */
  onError?(error: AgentError | Error): void;
}

export interface RosSubscription {
  /** All samples taken. */
  readonly received: number;
  /** Samples among `received` that are not a message of the type. */
  readonly invalid: number;
  /** Messages among `received` for which `onMessage` threw. */
  readonly failed: number;
  /** Samples among `received` above `maxPerSecond`, which were not decoded. */
  readonly dropped: number;
  /** Bytes of the largest sample taken. */
  readonly largest: number;
  /** Takes the waiting samples now, before `everyMs` has passed. */
  poll(): void;
  close(): void;
}

export interface RosPublisher {
  /** @throws AgentError ROS_MESSAGE_INVALID with the field and the expected type; then nothing is published. */
  publish(message: RosMessage): void;
  /** Subscriptions that are matched now. */
  readonly subscribers: number;
  close(): void;
}

export interface EndpointInfo {
  readonly node: string;
  readonly namespace: string;
  /** `std_msgs/msg/Bool`; another type than ours if the publisher uses the topic with that type. */
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
  /** Default quality of service: reliable, volatile, depth 10. @throws AgentError as `subscribe` */
  advertise(topic: string, type: string, qos?: QosProfile): RosPublisher;
  publishersOf(topic: string): readonly EndpointInfo[];
  topics(): readonly TopicInfo[];
  /** Turns of the executor so far. */
  readonly turns: number;
  /** Wakes the executor and waits for its turn: a liveness check that needs no traffic. */
  turn(): Promise<void>;
  /** No callback follows the call; resolves when everything is released. May be called again. */
  stop(): Promise<void>;
}

export interface RosNodeOptions {
  readonly name: string;
  readonly namespace?: string | undefined;
  /** 0 to 232; null or left out: ROS_DOMAIN_ID, else 0. */
  readonly domainId?: number | null | undefined;
  /** Left out: the shared memory of Fast DDS stays as it is (docs/adr/0002-shared-memory-repair.md). */
  readonly sharedMemory?: SharedMemoryRepair | undefined;
}
