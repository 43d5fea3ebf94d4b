// The rights of robot and cloud at the broker: the one source of the IoT policies, of Mosquitto's access control list and of the demo's broker.
// Other clients have no rights: a client that may publish receipts could make a robot forget an alert.
import { DOWNWARD, type Topics, UPWARD } from './topics.ts';

export interface Rights {
  readonly publish: readonly (keyof Topics)[];
  /** Subscribe, and receive what is published there. */
  readonly hear: readonly (keyof Topics)[];
}

export const ROBOT_RIGHTS: Rights = { publish: UPWARD, hear: DOWNWARD };
export const CLOUD_RIGHTS: Rights = { publish: DOWNWARD, hear: UPWARD };
