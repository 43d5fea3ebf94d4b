// The MQTT topics of one robot, by prefix.

export interface Topics {
  readonly telemetry: string;
  readonly backlog: string;
  readonly results: string;
  readonly events: string;
  readonly presence: string;
  readonly commands: string;
  readonly receipts: string;
}

/** IoT Core counts at most 7 slashes in a topic; ours add one. */
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

/** The topics on which the cloud listens, in the order of {@link Topics}. */
export const UPWARD = ['telemetry', 'backlog', 'results', 'events', 'presence'] as const;
export type Upward = (typeof UPWARD)[number];

/** The topics on which the robot listens. */
export const DOWNWARD = ['commands', 'receipts'] as const;
