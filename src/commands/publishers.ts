// Publishes admitted commands to ROS, and measures the latency from the broker's message.
import type { Logger } from 'pino';
import { crashPoint, messageOf } from '../base/index.ts';
import { type CommandConfig, STOP } from '../config/index.ts';
import { Histogram, type HistogramStatus } from '../status/index.ts';
import type { ResultBody } from '../wire/index.ts';
import type { Admitted } from './admit.ts';
import { type CommandPublisher, publishAll } from './publication.ts';
import { messagesFor } from './template.ts';

/** Outcome of a command: status, reason and applied values. */
export type Outcome = Pick<ResultBody, 'status' | 'reason' | 'detail' | 'applied'>;

export class CommandPublishers {
  readonly #publishers: ReadonlyMap<string, readonly CommandPublisher[]>;
  readonly #stop: CommandConfig | undefined;
  readonly #log: Logger;
  readonly #latency = new Histogram();

  /** @param publishers of each command, in the order of its messages. */
  constructor(publishers: ReadonlyMap<string, readonly CommandPublisher[]>, stop: CommandConfig | undefined, log: Logger) {
    this.#publishers = publishers;
    this.#stop = stop;
    this.#log = log;
  }

  publishersOf(name: string): readonly CommandPublisher[] {
    return this.#publishers.get(name) ?? [];
  }

  /** Latency from the broker's message to the ROS message. */
  latency(): HistogramStatus {
    return this.#latency.status();
  }

  publish({ id, name, messages, clamped }: Admitted, receivedMs: number): Outcome {
    const applied = messages.length === 1 ? messages[0]?.message : messages.map(({ topic, message }) => ({ topic, message }));
    try {
      publishAll(
        this.publishersOf(name),
        messages.map(({ message }) => message),
      );
    } catch (error) {
      return { status: 'failed', reason: 'ros_error', detail: messageOf(error) };
    }
    crashPoint('command_published');
    this.#latency.add(performance.now() - receivedMs);
    this.#log.info({ event: 'command', id, command: name }, `command ${name} was published`);
    return withClamped({ status: 'done', applied }, clamped);
  }

  /** Publishes the stop command's messages without a received command. @throws ROS's error */
  publishStop(): void {
    if (!this.#stop) return;
    publishAll(
      this.publishersOf(STOP),
      messagesFor(this.#stop, {}).map(({ message }) => message),
    );
  }
}

export function withClamped(outcome: Outcome, clamped: readonly string[]): Outcome {
  return clamped.length === 0 ? outcome : { ...outcome, detail: `clamped to limits: ${clamped.join(', ')}` };
}
