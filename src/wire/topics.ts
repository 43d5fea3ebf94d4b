// Defines the MQTT topics of a robot and the rights of robot and cloud at the broker.

export interface Topics {
  readonly telemetry: string;
  readonly backlog: string;
  readonly results: string;
  readonly events: string;
  readonly presence: string;
  readonly commands: string;
  readonly receipts: string;
}

/** IoT Core allows at most 7 slashes in a topic. The topics below the prefix add one. */
export const TOPIC_PREFIX_PATTERN = /^[A-Za-z0-9_.:-]+(\/[A-Za-z0-9_.:-]+){0,5}$/;

/** @param prefix `elderly_bot`, or `fleet/<thing>` if one broker serves several robots. */
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

/** The topics that the cloud receives, in the order of {@link Topics}. */
export const UPWARD = ['telemetry', 'backlog', 'results', 'events', 'presence'] as const;
export type Upward = (typeof UPWARD)[number];

/** The topics that the robot receives. */
export const DOWNWARD = ['commands', 'receipts'] as const;

export interface Rights {
  readonly publish: readonly (keyof Topics)[];
  /** The right to subscribe to a topic and to receive its messages. */
  readonly subscribe: readonly (keyof Topics)[];
}

// The IoT policies, Mosquitto's access control list and the demo's broker are derived from these rights. Other clients have no rights:
// a client that may publish receipts could make a robot forget an alert.
export const ROBOT_RIGHTS: Rights = { publish: UPWARD, subscribe: DOWNWARD };
export const CLOUD_RIGHTS: Rights = { publish: DOWNWARD, subscribe: UPWARD };
