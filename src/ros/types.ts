// What the rest of the program knows of ROS 2: topics, types and plain objects. Nothing here names a ROS library.
import type { AgentError } from '../errors.ts';
import type { SharedPorts } from './sharedPorts.ts';

export interface RosStamp {
  readonly sec: number;
  readonly nanosec: number;
}

/**
 * A message as a plain object, named as in its .msg file. Numeric arrays are typed arrays (`uint8[]` shares the message's
 * memory), `time` and `duration` are RosStamp, 64-bit integers are numbers where a number is exact and else bigint.
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
   * Milliseconds for which samples may wait. Left out or 0: each is handed over at once. Else a calm topic's still is; where they come more
   * often, they gather in DDS and are taken so often, all that `qos.depth` kept: with depth 1 the newest only, and the others are dropped
   * there without having been copied, looked at or counted. For a camera of which a few pictures a second are wanted: depth 1 and 200.
   */
  readonly everyMs?: number;
  /** Samples a second that are decoded and handed over at most; of more the latest is, the rest counts as dropped. */
  readonly maxPerSecond?: number;
  /** Called once a sample, in order of arrival. What it throws goes to `onError` and stops nothing. */
  onMessage(message: RosMessage): void;
  /** A sample that is no such message (ROS_MESSAGE_INVALID), or what `onMessage` threw. Without it: a process warning. */
  onError?(error: AgentError | Error): void;
}

export interface RosSubscription {
  /** Samples taken, whatever became of them. */
  readonly received: number;
  /** Of those, samples whose bytes are no message of the type. */
  readonly invalid: number;
  /** Of those, messages for which `onMessage` threw. */
  readonly failed: number;
  /** Of those, samples beyond `maxPerSecond` that were not looked at. */
  readonly dropped: number;
  /** Bytes of the largest sample taken. */
  readonly largest: number;
  /** Takes what waits now, and does not wait for its time. */
  look(): void;
  close(): void;
}

export interface RosPublisher {
  /** @throws AgentError ROS_MESSAGE_INVALID naming field and expected type; nothing is published then. */
  publish(message: RosMessage): void;
  /** Subscriptions matched at this moment. */
  readonly subscribers: number;
  close(): void;
}

export interface EndpointInfo {
  readonly node: string;
  readonly namespace: string;
  /** `std_msgs/msg/Bool`; differs from ours when somebody publishes another type under the name. */
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
  readonly served: number;
  /** Asks the executor for one turn and waits for it: a liveness check that needs no traffic. */
  turn(): Promise<void>;
  /** No callback after it is called; resolves when everything is released. May be called again. */
  stop(): Promise<void>;
}

export interface RosNodeOptions {
  readonly name: string;
  readonly namespace?: string | undefined;
  /** 0 to 232; null or left out: ROS_DOMAIN_ID, else 0. */
  readonly domainId?: number | null | undefined;
  /** For a program that has to be heard at once after it was killed. */
  readonly ports?: SharedPorts | undefined;
}

export const DEFAULT_QOS: QosProfile = {
  reliability: 'reliable',
  durability: 'volatile',
  depth: 10,
};
