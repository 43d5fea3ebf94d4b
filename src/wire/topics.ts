// Defines a robot's MQTT topics, and what the robot and the cloud may do on them.

export interface Topics {
  readonly telemetry: string;
  readonly backlog: string;
  readonly results: string;
  readonly events: string;
  readonly presence: string;
  readonly commands: string;
  readonly receipts: string;
}

/** At most 5 slashes, because IoT Core allows 7 in a topic, and the names below the prefix add one more. */
export const TOPIC_PREFIX_PATTERN = /^[A-Za-z0-9_.:-]+(\/[A-Za-z0-9_.:-]+){0,5}$/;

/** @param prefix for example `elderly_bot`, or `fleet/<thing>` if several robots share a broker. */
export function topicsOf(prefix: string): Topics {
  return {
    telemetry: `${prefix}/telemetry`,
    backlog: `${prefix}/backlog`,
    results: `${prefix}/results`,
    events: `${prefix}/events`,
    presence: `${prefix}/presence`,
    commands: `${prefix}/commands`,
    receipts: `${prefix}/receipts`,
  };
}

/** The topics on which the robot publishes and the cloud receives. */
export const UPWARD = ['telemetry', 'backlog', 'results', 'events', 'presence'] as const;
export type Upward = (typeof UPWARD)[number];

/** The topics on which the cloud publishes and the robot receives. */
export const DOWNWARD = ['commands', 'receipts'] as const;

export interface Rights {
  readonly publish: readonly (keyof Topics)[];
  /** Topics that may be subscribed to and whose messages may be received. */
  readonly subscribe: readonly (keyof Topics)[];
}

// The IoT policies, Mosquitto's access control list and the demo broker's rules are derived from these rights. No other client may have
// any: a client that could publish receipts could make a robot delete an undelivered alert.
export const ROBOT_RIGHTS: Rights = { publish: UPWARD, subscribe: DOWNWARD };
export const CLOUD_RIGHTS: Rights = { publish: DOWNWARD, subscribe: UPWARD };
