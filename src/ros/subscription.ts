// Counts, decodes and delivers a subscription's samples. This code runs inside the executor's callback. An uncaught exception there would
// end the process, so every exception is caught.
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { HeldSamples } from './heldSamples.ts';
import { LossCount } from './lossCount.ts';
import { HOLD_MS, Merge, type Origin } from './merge.ts';
import { firstCompatible } from './qos.ts';
import type { EndpointInfo, KeepableSubscription, QosProfile, Receiver, SubscribeOptions } from './types.ts';

/**
 * `nothing`: no sample was waiting. `all`: the poll took all samples. `more`: the poll reached its limit, and samples may still be waiting.
 */
export type PollOutcome = 'nothing' | 'all' | 'more';

export interface SubscriptionParts {
  readonly options: SubscribeOptions;
  readonly codec: Codec;
  /** @returns the quality of service that a publisher offers; undefined if the graph does not list the publisher. */
  readonly offerOf: (publisher: string) => EndpointInfo['qos'] | undefined;
  readonly onClose: () => void;
}

export abstract class Subscription implements KeepableSubscription {
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
  /** The profiles of the readers. */
  readonly profiles: readonly QosProfile[];
  readonly #options: SubscribeOptions;
  readonly #codec: Codec;
  readonly #onClose: () => void;
  readonly #limiter: RateLimiter | undefined;
  /** The newest sample that exceeds the rate limit. It is delivered as soon as the limit allows, unless a newer sample replaces it. */
  #latest: Buffer | undefined;
  #receiver: Receiver;
  /** The samples that wait for the next receiver. Undefined while the present one gets them. */
  #held: HeldSamples | undefined;
  /** The last sample of a single reader that also gets the samples from before it existed. */
  #latched: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Exists if the subscription has several readers. */
  readonly #merge: Merge | undefined;
  #holdTimer: NodeJS.Timeout | undefined;
  readonly #lossCount = new LossCount();

  constructor({ options, codec, offerOf, onClose }: SubscriptionParts) {
    this.everyMs = options.everyMs ?? 0;
    this.profiles = [options.qos].flat();
    this.#options = options;
    this.#receiver = options;
    this.#codec = codec;
    this.#onClose = onClose;
    if (options.maxPerSecond !== undefined) this.#limiter = new RateLimiter(options.maxPerSecond);
    if (this.profiles.length === 1) return;
    const readerOf = (publisher: string) => {
      const offer = offerOf(publisher);
      return offer && firstCompatible(this.profiles, offer);
    };
    const deliver = (bytes: Buffer, isLate: boolean) => (isLate ? this.#dispatchLate(bytes) : this.#dispatch(bytes));
    this.#merge = new Merge(readerOf, deliver, (reader) => this.#isLatched(reader));
  }

  get lost(): number {
    return this.#merge?.lost ?? this.#lossCount.lost;
  }

  /** Takes the samples that are waiting in DDS. */
  abstract take(): PollOutcome;

  poll(): void {
    this.take();
    this.#merge?.flush(Number.POSITIVE_INFINITY);
  }

  hold(): void {
    this.#held ??= new HeldSamples(this.#merge?.latest ?? (this.#latched ? [this.#latched] : []));
  }

  resume(receiver: Receiver): void {
    setImmediate(() => {
      const held = this.#held;
      this.#held = undefined;
      this.#receiver = receiver;
      if (held === undefined || this.isClosed) return;
      this.dropped += held.dropped;
      for (const { bytes, isLate } of held.samples) this.#deliver(bytes, isLate);
    });
  }

  close(): void {
    if (this.isClosed) return;
    this.end();
    this.#onClose();
  }

  /** Drops the sample that the rate limit holds back. No handler runs after this call. */
  end(): void {
    this.isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#holdTimer);
    this.#dropLatest();
  }

  /**
   * Handles a sample that a reader took.
   * @param origin undefined if it is not known, which only a single reader may do. @param bytes is called only if the sample is needed.
   */
  protected receive(reader: number, origin: Origin | undefined, bytes: () => Buffer): void {
    if (this.#merge === undefined) {
      if (origin === undefined) this.#lossCount.take();
      else this.#lossCount.takeFrom(origin);
      this.#dispatch(bytes());
    } else if (origin !== undefined) {
      this.#merge.accept(reader, origin, bytes, performance.now());
      this.#releaseLater(this.#merge);
    }
  }

  /** Counts and reports a sample that cannot be decoded. */
  protected refuse(bytes: Buffer, error: unknown): void {
    this.invalid += 1;
    this.report(invalidSample(this.#options.topic, this.#codec.type.full, bytes, error));
  }

  /** Counts and reports a sample that the middleware discarded, because it is not of this type. */
  protected refuseUnseen(): void {
    const { topic } = this.#options;
    const type = this.#codec.type.full;
    this.received += 1;
    this.invalid += 1;
    this.report(invalid(`ROS discarded a sample on ${topic}, because it is not a ${type}`, type, { topic, type }));
  }

  #releaseLater(merge: Merge): void {
    if (this.#holdTimer !== undefined || !merge.isHolding) return;
    this.#holdTimer = setTimeout(() => {
      this.#holdTimer = undefined;
      merge.flush(performance.now());
      this.#releaseLater(merge);
    }, HOLD_MS / 2).unref();
  }

  #dispatch(bytes: Buffer): void {
    if (this.isClosed) return;
    this.received += 1;
    if (bytes.length > this.largest) this.largest = bytes.length;
    const waitMs = this.#limiter?.take(performance.now()) ?? 0;
    this.#dropLatest();
    if (waitMs === 0) {
      this.#deliver(bytes, false);
      return;
    }
    this.#latest = bytes;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const latest = this.#latest;
      this.#latest = undefined;
      if (latest) this.#deliver(latest, false);
    }, Math.ceil(waitMs)).unref();
  }

  #dispatchLate(bytes: Buffer): void {
    if (this.isClosed) return;
    this.received += 1;
    this.#deliver(bytes, true);
  }

  #isLatched(reader: number): boolean {
    return this.profiles[reader]?.durability === 'transient_local';
  }

  #dropLatest(): void {
    if (this.#latest !== undefined) this.dropped += 1;
    this.#latest = undefined;
  }

  #deliver(bytes: Buffer, isLate: boolean): void {
    if (this.#merge === undefined && this.#isLatched(0)) this.#latched = bytes;
    if (this.#held) {
      this.#held.add({ bytes, isLate });
      return;
    }
    const { onMessage, onLate } = this.#receiver;
    const receive = isLate ? onLate : onMessage;
    if (receive === undefined) {
      this.dropped += 1;
      return;
    }
    let message: ReturnType<Codec['decode']>;
    try {
      message = this.#codec.decode(bytes);
    } catch (error) {
      this.refuse(bytes, error);
      return;
    }
    try {
      receive(message, bytes.length);
    } catch (error) {
      this.failed += 1;
      this.report(error);
    }
  }

  protected report(error: unknown): void {
    try {
      const { onError } = this.#receiver;
      if (onError === undefined) process.emitWarning(asError(error));
      else onError(asError(error));
    } catch (failure) {
      process.emitWarning(asError(failure));
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function invalidSample(topic: string, type: string, bytes: Buffer, cause: unknown): AgentError {
  const text = `a sample of ${bytes.length} bytes on ${topic} is not a ${type}: ${messageOf(cause)}`;
  return invalid(text, type, { topic, type, bytes: bytes.length }, cause);
}

function invalid(text: string, type: string, fields: NonNullable<AgentError['fields']>, cause?: unknown): AgentError {
  const remedy = `check that the publisher was built with the same definition of ${type}`;
  return new AgentError('ROS_MESSAGE_INVALID', text, { remedy, fields, ...(cause === undefined ? {} : { cause }) });
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
