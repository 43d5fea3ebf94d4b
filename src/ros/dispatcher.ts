// Counts, decodes and hands over the samples of one subscription. No error leaves this module: it runs inside the executor's callback,
// and an exception there would end the process.

import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { RateLimiter } from './rateLimit.ts';
import type { RosSubscription, SubscribeOptions } from './types.ts';

export class Dispatcher {
  received = 0;
  invalid = 0;
  failed = 0;
  dropped = 0;
  largest = 0;
  readonly #options: SubscribeOptions;
  readonly #codec: Codec;
  readonly #limiter: RateLimiter | undefined;
  /** The latest sample above the rate limit; it waits for its turn. */
  #latest: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SubscribeOptions, codec: Codec) {
    this.#options = options;
    this.#codec = codec;
    if (options.maxPerSecond !== undefined) this.#limiter = new RateLimiter(options.maxPerSecond);
  }

  dispatch(bytes: Buffer): void {
    this.received += 1;
    if (bytes.length > this.largest) this.largest = bytes.length;
    const waitMs = this.#limiter?.take(performance.now()) ?? 0;
    if (waitMs > 0) this.#defer(bytes, waitMs);
    else {
      this.#dropLatest();
      this.#deliver(bytes);
    }
  }

  /** Drops a waiting sample; afterwards no handler is called. */
  close(): void {
    clearTimeout(this.#timer);
    this.#dropLatest();
  }

  #defer(bytes: Buffer, waitMs: number): void {
    this.#dropLatest();
    this.#latest = bytes;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const latest = this.#latest;
      this.#latest = undefined;
      if (latest) this.#deliver(latest);
    }, Math.ceil(waitMs)).unref();
  }

  #dropLatest(): void {
    if (this.#latest !== undefined) this.dropped += 1;
    this.#latest = undefined;
  }

  #deliver(bytes: Buffer): void {
    let message: ReturnType<Codec['decode']>;
    try {
      message = this.#codec.decode(bytes);
    } catch (error) {
      this.invalid += 1;
      this.#report(invalidSample(this.#options.topic, this.#codec.type.full, bytes, error));
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
    } catch (failure) {
      process.emitWarning(failure instanceof Error ? failure : new Error(String(failure)));
    }
  }
}

function invalidSample(topic: string, type: string, bytes: Buffer, cause: unknown): AgentError {
  return new AgentError('ROS_MESSAGE_INVALID', `a sample of ${bytes.length} bytes on ${topic} is not a ${type}: ${messageOf(cause)}`, {
    remedy: `check that the publisher was built with the same definition of ${type}`,
    cause,
    fields: { topic, type, bytes: bytes.length },
  });
}

/** The public view of a subscription. */
export function subscriptionOf(dispatcher: Dispatcher, { poll, close }: Pick<RosSubscription, 'poll' | 'close'>): RosSubscription {
  return {
    get received() {
      return dispatcher.received;
    },
    get invalid() {
      return dispatcher.invalid;
    },
    get failed() {
      return dispatcher.failed;
    },
    get dropped() {
      return dispatcher.dropped;
    },
    get largest() {
      return dispatcher.largest;
    },
    poll,
    close,
  };
}
