// Counts, decodes and delivers a subscription's samples. This code runs inside the executor's callback. An uncaught exception there would
// end the process, so every exception is caught.
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { Codec } from './codec.ts';
import type { RosSubscription, SubscribeOptions } from './types.ts';

/**
 * `nothing`: no sample was waiting. `all`: the poll took all samples. `more`: the poll reached its limit, and samples may still be waiting.
 */
export type PollOutcome = 'nothing' | 'all' | 'more';

export abstract class Subscription implements RosSubscription {
  received = 0;
  invalid = 0;
  failed = 0;
  dropped = 0;
  largest = 0;
  /** When a poll last found a sample, by `performance.now()`. */
  takenAtMs = Number.NEGATIVE_INFINITY;
  isClosed = false;
  /** In milliseconds. 0 means that samples must be delivered at once. */
  readonly everyMs: number;
  readonly #options: SubscribeOptions;
  readonly #codec: Codec;
  readonly #onClose: () => void;
  readonly #limiter: RateLimiter | undefined;
  /** The newest sample that exceeds the rate limit. It is delivered as soon as the limit allows, unless a newer sample replaces it. */
  #latest: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SubscribeOptions, codec: Codec, onClose: () => void) {
    this.everyMs = options.everyMs ?? 0;
    this.#options = options;
    this.#codec = codec;
    this.#onClose = onClose;
    if (options.maxPerSecond !== undefined) this.#limiter = new RateLimiter(options.maxPerSecond);
  }

  /** Takes the samples that are waiting in DDS. */
  abstract poll(): PollOutcome;

  close(): void {
    if (this.isClosed) return;
    this.end();
    this.#onClose();
  }

  /** Drops the sample that the rate limit holds back. No handler runs after this call. */
  end(): void {
    this.isClosed = true;
    clearTimeout(this.#timer);
    this.#dropLatest();
  }

  protected dispatch(bytes: Buffer): void {
    this.received += 1;
    if (bytes.length > this.largest) this.largest = bytes.length;
    const waitMs = this.#limiter?.take(performance.now()) ?? 0;
    this.#dropLatest();
    if (waitMs === 0) {
      this.#deliver(bytes);
      return;
    }
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
      this.#options.onMessage(message, bytes.length);
    } catch (error) {
      this.failed += 1;
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      if (this.#options.onError === undefined) process.emitWarning(asError(error));
      else this.#options.onError(asError(error));
    } catch (failure) {
      process.emitWarning(asError(failure));
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function invalidSample(topic: string, type: string, bytes: Buffer, cause: unknown): AgentError {
  return new AgentError('ROS_MESSAGE_INVALID', `a sample of ${bytes.length} bytes on ${topic} is not a ${type}: ${messageOf(cause)}`, {
    remedy: `check that the publisher was built with the same definition of ${type}`,
    cause,
    fields: { topic, type, bytes: bytes.length },
  });
}

/**
 * A token bucket that holds one second's worth of tokens. Samples that queued up while the agent was busy pass at once; a flood does not.
 */
class RateLimiter {
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number | undefined;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  /** @returns 0 if this sample may pass, else the number of milliseconds until the next one may. */
  take(nowMs: number): number {
    const perMs = this.#perSecond / 1_000;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + (nowMs - (this.#atMs ?? nowMs)) * perMs);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return (1 - this.#tokens) / perMs;
    this.#tokens -= 1;
    return 0;
  }
}
