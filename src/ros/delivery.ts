// What becomes of one sample: counted, decoded, handed over. Nothing that goes wrong here leaves here, because it runs
// inside the executor's callback, where an exception would end the process and a pause would stop every other topic.

import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { RateLimit } from './limit.ts';
import type { RosSubscription, SubscribeOptions } from './types.ts';

export class Delivery {
  received = 0;
  invalid = 0;
  failed = 0;
  dropped = 0;
  largest = 0;
  readonly #options: SubscribeOptions;
  readonly #codec: Codec;
  readonly #limit: RateLimit | undefined;
  /** Of a flood, the sample that came last: it is looked at when its time has come. */
  #latest: Buffer | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(options: SubscribeOptions, codec: Codec) {
    this.#options = options;
    this.#codec = codec;
    if (options.maxPerSecond !== undefined) this.#limit = new RateLimit(options.maxPerSecond);
  }

  sample(bytes: Buffer): void {
    this.received += 1;
    if (bytes.length > this.largest) this.largest = bytes.length;
    const waitMs = this.#limit?.take(performance.now()) ?? 0;
    if (waitMs > 0) this.#putOff(bytes, waitMs);
    else {
      this.#forget();
      this.#deliver(bytes);
    }
  }

  /** Nothing comes any more. */
  close(): void {
    clearTimeout(this.#later);
    this.#forget();
  }

  #putOff(bytes: Buffer, waitMs: number): void {
    this.#forget();
    this.#latest = bytes;
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      const latest = this.#latest;
      this.#latest = undefined;
      if (latest) this.#deliver(latest);
    }, Math.ceil(waitMs)).unref();
  }

  /** What a later sample made needless. */
  #forget(): void {
    if (this.#latest !== undefined) this.dropped += 1;
    this.#latest = undefined;
  }

  #deliver(bytes: Buffer): void {
    let message: ReturnType<Codec['decode']>;
    try {
      message = this.#codec.decode(bytes);
    } catch (error) {
      this.invalid += 1;
      this.#report(notThisType(this.#options.topic, this.#codec.type.full, bytes, error));
      return;
    }
    try {
      this.#options.onMessage(message);
    } catch (error) {
      this.failed += 1;
      this.#report(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #report(error: Error): void {
    try {
      if (this.#options.onError === undefined) process.emitWarning(error);
      else this.#options.onError(error);
    } catch (worse) {
      process.emitWarning(worse instanceof Error ? worse : new Error(String(worse)));
    }
  }
}

function notThisType(topic: string, type: string, bytes: Buffer, cause: unknown): AgentError {
  return new AgentError('ROS_MESSAGE_INVALID', `a sample of ${bytes.length} bytes on ${topic} is no ${type}: ${messageOf(cause)}`, {
    todo: `check that the publisher was built with the same definition of ${type}`,
    cause,
    fields: { topic, type, bytes: bytes.length },
  });
}

/** A subscription as its owner sees it. */
export function subscriptionOf(delivery: Delivery, { look, close }: Pick<RosSubscription, 'look' | 'close'>): RosSubscription {
  return {
    get received() {
      return delivery.received;
    },
    get invalid() {
      return delivery.invalid;
    },
    get failed() {
      return delivery.failed;
    },
    get dropped() {
      return delivery.dropped;
    },
    get largest() {
      return delivery.largest;
    },
    look,
    close,
  };
}
