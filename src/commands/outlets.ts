// Where admitted commands leave for ROS, and how long each took from the broker's message on.
import type { Logger } from 'pino';
import { crashPoint, messageOf } from '../base/index.ts';
import { type CommandConfig, STOP } from '../config/index.ts';
import { Histogram, type HistogramStatus } from '../status/index.ts';
import type { ResultBody } from '../wire/index.ts';
import type { Admitted } from './admit.ts';
import { type CommandPublisher, publishAll } from './publish.ts';
import { outgoing } from './template.ts';

/** What became of something the agent did itself. */
export type Outcome = Pick<ResultBody, 'status' | 'reason' | 'detail' | 'applied'>;

export class Outlets {
  readonly #publishers: ReadonlyMap<string, readonly CommandPublisher[]>;
  readonly #stop: CommandConfig | undefined;
  readonly #log: Logger;
  readonly #latency = new Histogram();

  /** @param publishers for each command, in the order of its messages. */
  constructor(publishers: ReadonlyMap<string, readonly CommandPublisher[]>, stop: CommandConfig | undefined, log: Logger) {
    this.#publishers = publishers;
    this.#stop = stop;
    this.#log = log;
  }

  of(name: string): readonly CommandPublisher[] {
    return this.#publishers.get(name) ?? [];
  }

  /** From the broker's message to the ROS message. */
  latency(): HistogramStatus {
    return this.#latency.status();
  }

  publish({ id, name, messages, clamped }: Admitted, receivedMs: number): Outcome {
    const applied = messages.length === 1 ? messages[0]?.message : messages.map(({ topic, message }) => ({ topic, message }));
    try {
      publishAll(
        this.of(name),
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

  /** The stop command's messages, without anybody having sent it. @throws ROS's error */
  publishStop(): void {
    if (!this.#stop) return;
    publishAll(
      this.of(STOP),
      outgoing(this.#stop, {}).map(({ message }) => message),
    );
  }
}

export function withClamped(outcome: Outcome, clamped: readonly string[]): Outcome {
  return clamped.length === 0 ? outcome : { ...outcome, detail: `brought back into limits: ${clamped.join(', ')}` };
}
