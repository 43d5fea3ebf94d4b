// Publishes admitted commands to ROS, waits for subscribers, and measures how long each command takes from its arrival to its publication.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { crashPoint, messageOf } from '../base/index.ts';
import { type CommandConfig, STOP } from '../config/index.ts';
import { Histogram, type HistogramStatus } from '../status/index.ts';
import type { ResultBody } from '../wire/index.ts';
import type { Admitted } from './admit.ts';
import { messagesFor } from './arguments.ts';

/** Publishes one of a command's ROS messages. Created once, at startup. */
export interface CommandPublisher {
  publish(message: Readonly<Record<string, unknown>>): void;
  /** Number of currently matched subscriptions. */
  readonly subscribers: number;
}

/** A command's outcome: status, reason, detail and applied values. */
export type Outcome = Pick<ResultBody, 'status' | 'reason' | 'detail' | 'applied'>;

/**
 * How long to wait for a subscriber: a robot node that has just started may not have discovered this node yet and would miss the message.
 */
const MATCHED_WITHIN_MS = 1_000;
/** Discovery may take this long after the agent's startup. DDS repeats a lost announcement after 3 s (3.3 s measured in 60 startups). */
const FOUND_WITHIN_MS = 7_000;
const CHECK_EVERY_MS = 10;

export class CommandPublishers {
  readonly #publishers: ReadonlyMap<string, readonly CommandPublisher[]>;
  readonly #stop: CommandConfig | undefined;
  readonly #log: Logger;
  readonly #latency = new Histogram();

  /** @param publishers each command's publishers, in the order of its configured messages. */
  constructor(publishers: ReadonlyMap<string, readonly CommandPublisher[]>, stop: CommandConfig | undefined, log: Logger) {
    this.#publishers = publishers;
    this.#stop = stop;
    this.#log = log;
  }

  publishersOf(name: string): readonly CommandPublisher[] {
    return this.#publishers.get(name) ?? [];
  }

  /** Whether the command's first message has a subscriber. Its other messages need none. */
  hasSubscribers(name: string): boolean {
    return (this.publishersOf(name)[0]?.subscribers ?? 0) > 0;
  }

  /**
   * Waits up to one second for a subscriber. Shortly after the agent's startup, it waits until discovery is complete, but not beyond the
   * command's expiry, and never more than one second for a motion. @returns whether a subscriber was found in time.
   */
  async matched({ name, motion, validMs = 0 }: Admitted, sinceStartMs: number, isCancelled: () => boolean): Promise<boolean> {
    const withinMs = motion ? 0 : Math.min(FOUND_WITHIN_MS - sinceStartMs, validMs);
    const untilMs = performance.now() + Math.max(MATCHED_WITHIN_MS, withinMs);
    while (!this.hasSubscribers(name)) {
      if (isCancelled() || performance.now() > untilMs) return false;
      await sleep(CHECK_EVERY_MS);
    }
    return true;
  }

  /** From the command's arrival to the publication of its ROS messages. */
  latency(): HistogramStatus {
    return this.#latency.status();
  }

  publish({ id, name, messages, clamped }: Admitted, receivedMs: number): Outcome {
    const applied = messages.length === 1 ? messages[0]?.message : messages.map(({ topic, message }) => ({ topic, message }));
    try {
      publishAll(this.publishersOf(name), messages);
    } catch (error) {
      return { status: 'failed', reason: 'ros_error', detail: messageOf(error) };
    }
    crashPoint('command_published');
    this.#latency.add(performance.now() - receivedMs);
    this.#log.info({ event: 'command', id, command: name }, `command ${name} was published`);
    return withClamped({ status: 'done', applied }, clamped);
  }

  /** Publishes the stop command's messages when no stop has been received. @throws the error from ROS */
  publishStop(): void {
    if (this.#stop) publishAll(this.publishersOf(STOP), messagesFor(this.#stop, {}));
  }
}

/** Publishes all messages even if one of them fails. @throws the first error */
export function publishAll(
  publishers: readonly (CommandPublisher | undefined)[],
  messages: readonly { readonly message: Readonly<Record<string, unknown>> }[],
): void {
  let first: unknown;
  for (const [i, { message }] of messages.entries()) {
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

export function withClamped(outcome: Outcome, clamped: readonly string[]): Outcome {
  return clamped.length === 0 ? outcome : { ...outcome, detail: `clamped to limits: ${clamped.join(', ')}` };
}
