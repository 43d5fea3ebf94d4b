// The last step to ROS: waits for a subscriber, and publishes all messages of a command in order.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admitted } from './admit.ts';

/** Publisher of one ROS message of a command; created once, at the start. */
export interface CommandPublisher {
  publish(message: Readonly<Record<string, unknown>>): void;
  /** Number of currently matched subscriptions. */
  readonly subscribers: number;
}

/** Right after their start, the robot's nodes may not have discovered this node yet, and a message would be lost. */
const MATCHED_WITHIN_MS = 1_000;
/** After the agent's own start: DDS repeats a lost announcement after 3 s (3.3 s measured in 60 starts). */
const FOUND_WITHIN_MS = 7_000;
const LOOK_EVERY_MS = 10;

/** Whether the command's first message has a subscriber; further messages may have none. */
export function hasSubscribers([first]: readonly CommandPublisher[]): boolean {
  return first !== undefined && first.subscribers > 0;
}

/**
 * How long a command waits for a subscriber: one second, or after the agent's start until discovery is complete, but not beyond its
 * expiry. A motion waits one second at most.
 */
export function subscriberWaitMs({ motion, validMs = 0 }: Pick<Admitted, 'motion' | 'validMs'>, sinceStartMs: number): number {
  if (motion) return MATCHED_WITHIN_MS;
  return Math.max(MATCHED_WITHIN_MS, Math.min(FOUND_WITHIN_MS - sinceStartMs, validMs));
}

/** Resolves with whether a subscriber is found in time. @param isOver whether to stop waiting. */
export async function matched(publishers: readonly CommandPublisher[], withinMs: number, isOver: () => boolean): Promise<boolean> {
  const untilMs = performance.now() + withinMs;
  while (!hasSubscribers(publishers)) {
    if (isOver() || performance.now() > untilMs) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}

/** Publishes all messages, even if one fails. @throws the first error */
export function publishAll(publishers: readonly CommandPublisher[], messages: readonly Readonly<Record<string, unknown>>[]): void {
  let first: unknown;
  for (const [i, message] of messages.entries()) {
    try {
      const publisher = publishers[i];
      if (!publisher) throw new Error('ROS is not available');
      publisher.publish(message);
    } catch (error) {
      first ??= error;
    }
  }
  if (first !== undefined) throw first;
}
