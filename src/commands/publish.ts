// The last step to ROS: all messages of a command, one after the other, to whoever is matched.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admitted } from './admit.ts';

/** What a command's ROS message goes out through; made once, at the start. */
export interface CommandPublisher {
  publish(message: Readonly<Record<string, unknown>>): void;
  /** Subscriptions matched at this moment. */
  readonly subscribers: number;
}

/** Right after a start of the robot's nodes they may not have found this one yet; what is published then is lost. */
const MATCHED_WITHIN_MS = 1_000;
/** After our own start: what DDS missed of a node at first it is told again after 3 s (3.3 s measured, of 60 starts). */
const FOUND_WITHIN_MS = 7_000;
const LOOK_EVERY_MS = 10;

/** Whether somebody listens to the command's first message; what is published beside it may be for nobody. */
export function hasSubscribers([first]: readonly CommandPublisher[]): boolean {
  return first !== undefined && first.subscribers > 0;
}

/**
 * How long a command waits for a subscriber: a second, and right after the start until all nodes can have been found. Not longer than it
 * is valid, and nothing that moves the robot.
 */
export function patienceMs({ motion, validMs = 0 }: Pick<Admitted, 'motion' | 'validMs'>, sinceStartMs: number): number {
  if (motion) return MATCHED_WITHIN_MS;
  return Math.max(MATCHED_WITHIN_MS, Math.min(FOUND_WITHIN_MS - sinceStartMs, validMs));
}

/** Resolves with whether somebody listens, now or in time. @param isOver whether it need not be waited for any more. */
export async function matched(publishers: readonly CommandPublisher[], withinMs: number, isOver: () => boolean): Promise<boolean> {
  const untilMs = performance.now() + withinMs;
  while (!hasSubscribers(publishers)) {
    if (isOver() || performance.now() > untilMs) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}

/** Publishes what can be, also where one fails. @throws the first error */
export function publishAll(publishers: readonly CommandPublisher[], messages: readonly Readonly<Record<string, unknown>>[]): void {
  let first: unknown;
  for (const [i, message] of messages.entries()) {
    try {
      const publisher = publishers[i];
      if (!publisher) throw new Error('ROS is not there');
      publisher.publish(message);
    } catch (error) {
      first ??= error;
    }
  }
  if (first !== undefined) throw first;
}
