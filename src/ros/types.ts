// The interface of ROS 2 for the other modules: nodes, topics and messages as plain objects, independent of any ROS library.
import type { AgentError } from '../errors.ts';
import type { SharedMemoryRepair } from './sharedMemory/repair.ts';

export interface RosStamp {
  readonly sec: number;
  readonly nanosec: number;
}

/**
 * A message as a plain object with the field names of its .msg file. Numeric arrays are typed arrays that share memory with the received
 * message. `time` and `duration` become RosStamp. A 64-bit integer becomes a number if a number can hold it exactly, else a bigint.
 */
export type RosMessage = Readonly<Record<string, unknown>>;

export interface QosProfile {
  readonly reliability: 'reliable' | 'best_effort';
  readonly durability: 'volatile' | 'transient_local';
  /** How many samples a subscription holds until they are taken, or a transient-local publisher keeps for late subscribers. */
  readonly depth: number;
}

export const DEFAULT_QOS: QosProfile = { reliability: 'reliable', durability: 'volatile', depth: 10 };

/** Receives the samples of a subscription. */
export interface Receiver {
  /**
   * Called once for each delivered sample, in order of arrival. If it throws, `onError` gets the exception and the subscription continues.
   * @param size of the sample in bytes.
   */
  onMessage(message: RosMessage, size: number): void;
  /**
   * Called for a sample that DDS could repair only after a later sample of its publisher was delivered, which needs several readers and a
   * lossy link. If omitted, such a sample is counted as dropped.
   */
  onLate?(message: RosMessage): void;
  /** Called if a sample is malformed (ROS_MESSAGE_INVALID) or `onMessage` throws. By default a process warning is emitted. */
  onError?(error: AgentError | Error): void;
}

export interface SubscribeOptions extends Receiver {
  /** An absolute name, such as `/gas_detected`. */
  readonly topic: string;
  /** Either form is accepted: `std_msgs/msg/Bool` or `std_msgs/Bool`. */
  readonly type: string;
  /**
   * If several, the strictest first: each profile opens a reader of its own, so that publishers with different offers are all heard, each
   * as reliably as it offers. A sample that several readers receive is delivered once, and each publisher's samples in their order.
   */
  readonly qos: QosProfile | readonly QosProfile[];
  /**
   * How many milliseconds samples may wait. If 0 (the default), each sample is delivered at once. Otherwise only a calm topic's samples
   * are. On a busy topic, samples gather in DDS, and a poll takes them every `everyMs`. DDS keeps the newest `qos.depth` samples and drops
   * the others without copying or decoding them. For example, `depth: 1` and `everyMs: 200` reduce a camera to five images a
   * second.
   */
  readonly everyMs?: number;
  /**
   * Limits how many samples are decoded and delivered. Above this rate, only the newest sample is delivered, and the others are counted as
   * dropped.
   */
  readonly maxPerSecond?: number;
}

export interface RosSubscription {
  /** Number of samples taken from DDS. */
  readonly received: number;
  /** How many of the received samples could not be decoded as this type. */
  readonly invalid: number;
  /** For how many of the received samples `onMessage` threw an exception. */
  readonly failed: number;
  /** How many of the received samples exceeded `maxPerSecond`, or came late, and were discarded undecoded. */
  readonly dropped: number;
  /**
   * How many samples the publishers sent that were not received, by gaps in their sequence numbers: lost on the way, or overwritten in DDS
   * before they were taken. Exact for several readers. With one reader it is exact for one publisher from the second poll on, up to ten
   * polls late, and a lower limit for several; it counts neither large messages nor after an invalid sample. 0 if the middleware has no
   * sequence numbers.
   */
  readonly lost: number;
  /** Size of the largest sample so far, in bytes. */
  readonly largest: number;
  /** Takes the waiting samples now instead of waiting for `everyMs` to pass. */
  poll(): void;
  close(): void;
}

/** A subscription that can wait for another receiver while agents change. */
export interface KeepableSubscription extends RosSubscription {
  /** From now on, the newest samples wait for the next receiver. */
  hold(): void;
  /**
   * In a later task, delivers the samples that wait to another receiver, and from then on all samples. Before them it repeats the last
   * sample of each latched publisher, as a new subscription would receive it.
   */
  resume(receiver: Receiver): void;
}

export interface RosPublisher {
  /** @throws AgentError ROS_MESSAGE_INVALID with the field and the expected type. In this case nothing has been published. */
  publish(message: RosMessage): void;
  /** Number of currently matched subscriptions. */
  readonly subscribers: number;
  /**
   * Whether all matched reliable subscriptions have acknowledged every published sample. Fast DDS may ask them for it only after 3 s, its
   * default heartbeat period.
   */
  readonly isAcknowledged: boolean;
  close(): void;
}

export interface EndpointInfo {
  readonly node: string;
  readonly namespace: string;
  /** The endpoint's own type, such as `std_msgs/msg/Bool`. Publishers and subscriptions of one topic may have different types. */
  readonly type: string;
  readonly qos: {
    readonly reliability: 'reliable' | 'best_effort' | 'unknown';
    readonly durability: 'volatile' | 'transient_local' | 'unknown';
  };
  /** The hash of the publisher's definition of the type (REP 2016). Undefined if it is not known, as before ROS Iron. */
  readonly hash?: string | undefined;
  /** The hash of the definition on this machine. */
  readonly localHash?: string | undefined;
}

export interface TopicInfo {
  readonly topic: string;
  readonly types: readonly string[];
}

/** A node as the program starts it. An agent sees it as a {@link RosNode}. */
export interface KeepableNode extends RosNode {
  subscribe(options: SubscribeOptions): KeepableSubscription;
}

export interface RosNode {
  /** @throws AgentError ROS_TOPIC_INVALID, ROS_TYPE_UNKNOWN, CLOSED */
  subscribe(options: SubscribeOptions): RosSubscription;
  /** @param qos by default reliable, volatile, depth 10. @throws AgentError with the same codes as `subscribe` */
  advertise(topic: string, type: string, qos?: QosProfile): RosPublisher;
  publishersOf(topic: string): readonly EndpointInfo[];
  /** Includes subscriptions that match no publisher. */
  subscriptionsOf(topic: string): readonly EndpointInfo[];
  topics(): readonly TopicInfo[];
  /** Full names of all discovered nodes, this one included. */
  nodes(): readonly string[];
  /** Number of executor turns since startup. */
  readonly turns: number;
  /** Wakes the executor and waits for its next turn. This shows that the executor works even if no samples arrive. */
  turn(): Promise<void>;
  /** After this call, no callback runs. Resolves when all resources are released. May be called twice. */
  stop(): Promise<void>;
}

export interface RosNodeOptions {
  readonly name: string;
  readonly namespace?: string | undefined;
  /** From 0 to 232. If null or omitted, ROS_DOMAIN_ID is used, else 0. */
  readonly domainId?: number | null | undefined;
  /** If omitted, Fast DDS' shared memory is left alone (docs/adr/0002-shared-memory-repair.md). */
  readonly sharedMemory?: SharedMemoryRepair | undefined;
}
