// Takes the samples of a subscription's readers. Several readers take each sample with its origin, so that copies can be told from new
// samples. A single reader takes bytes, which costs less, and looks at some origins only, to count lost samples.
import type { Origin } from '../merge.ts';
import { type PollOutcome, Subscription, type SubscriptionParts } from '../subscription.ts';
import type { QosProfile } from '../types.ts';
import type { NativeBinding, NativeHandle } from './functions.ts';
import type { MessageStruct } from './messageStruct.ts';

/** One turn takes at most this many samples from a reader (about 3 ms), so that a flood on one topic does not block the others. */
export const SAMPLES_PER_TURN = 256;

/** On a calm topic, a single reader takes the first sample of every tenth poll with its origin; on a busy topic, that of every poll. */
const POLLS_PER_ORIGIN = 10;

/** Taking a large message as a struct copies it twice more, so its origin is not looked at. The same limit as in sensing. */
const LARGE_BYTES = 32_768;

export interface NativeSubscriptionParts extends SubscriptionParts {
  readonly binding: NativeBinding;
  readonly struct: MessageStruct;
  readonly samplesPerTurn: number;
  /** Opens a reader. */
  readonly open: (profile: QosProfile) => NativeHandle;
  /** Called after the subscription has opened another reader. */
  readonly onOpen: () => void;
}

/** A reader that only looks for samples that are not of this type. */
interface Probe {
  readonly handle: NativeHandle;
  found: number;
}

export class NativeSubscription extends Subscription {
  readonly #parts: NativeSubscriptionParts;
  readonly #readers: readonly NativeHandle[];
  readonly #probes = new Map<number, Probe>();
  /** The first poll takes bytes, so that a publisher of another type that sends once is reported. */
  #pollsToOrigin = 2;

  constructor(parts: NativeSubscriptionParts) {
    super(parts);
    this.#parts = parts;
    this.#readers = this.profiles.map(parts.open);
  }

  /** All open handles. */
  get handles(): readonly NativeHandle[] {
    return [...this.#readers, ...[...this.#probes.values()].map(({ handle }) => handle)];
  }

  /** @param ready the handles that had a sample when the executor woke up. */
  take(ready: readonly NativeHandle[] = []): PollOutcome {
    try {
      return this.#takeAll(ready);
    } catch (error) {
      this.report(error);
      return 'nothing';
    }
  }

  #takeAll(ready: readonly NativeHandle[]): PollOutcome {
    const isSingle = this.#readers.length === 1;
    const counts = this.#readers.map((handle, reader) => (isSingle ? this.#takeBytes(handle) : this.#takeSamples(handle, reader)));
    if (counts.some((count) => count > 0)) this.takenAtMs = performance.now();
    if (!isSingle) {
      const deaf = this.#readers.findIndex((handle, reader) => counts[reader] === 0 && ready.includes(handle) && !this.#probes.has(reader));
      const isFirst = this.#probes.size === 0;
      const before = this.invalid;
      if (deaf !== -1 && !this.isClosed) this.#openProbe(deaf);
      for (const probe of this.#probes.values()) this.#examine(probe);
      // The new reader comes too late for this sample, and a detector of events may not send another for weeks. Only the first can be told
      // from a copy of the same sample in another reader.
      if (deaf !== -1 && isFirst && this.invalid === before) this.#miss(deaf);
    }
    if (counts.some((count) => count === this.#parts.samplesPerTurn)) return 'more';
    return counts.some((count) => count > 0) ? 'all' : 'nothing';
  }

  #takeSamples(handle: NativeHandle, reader: number): number {
    const { struct, samplesPerTurn } = this.#parts;
    for (let n = 0; n < samplesPerTurn; n += 1) {
      const origin = this.isClosed ? undefined : struct.take(handle);
      if (origin === undefined) return n;
      this.receive(reader, origin, () => struct.bytes());
    }
    return samplesPerTurn;
  }

  #takeBytes(handle: NativeHandle): number {
    const { binding, struct, samplesPerTurn } = this.#parts;
    for (let n = 0; n < samplesPerTurn; n += 1) {
      if (this.isClosed) return n;
      const origin: Origin | undefined = n === 0 && this.#isOriginDue ? struct.take(handle) : undefined;
      const bytes = origin ? struct.bytes() : binding.rclTakeRaw(handle);
      if (bytes === undefined) return n;
      if (n === 0) this.#pollsToOrigin = origin ? POLLS_PER_ORIGIN : this.#pollsToOrigin - 1;
      else this.#pollsToOrigin = 1;
      this.receive(0, origin, () => bytes);
    }
    return samplesPerTurn;
  }

  /** To take a sample as a struct would discard the samples before it that are not of this type, and these must be reported. */
  get #isOriginDue(): boolean {
    return this.#pollsToOrigin <= 1 && this.invalid === 0 && this.largest < LARGE_BYTES;
  }

  /**
   * A reader was ready, but gave no sample: the middleware may have discarded one that is not of this type. Opens a reader with the same
   * profile that takes bytes, because an alert channel must not be deaf without a reason.
   */
  #openProbe(reader: number): void {
    const profile = this.profiles[reader];
    if (profile === undefined) return;
    this.#probes.set(reader, { handle: this.#parts.open(profile), found: 0 });
    this.#parts.onOpen();
  }

  #miss(reader: number): void {
    if (this.isClosed) return;
    this.refuseUnseen();
    const probe = this.#probes.get(reader);
    // The publisher keeps a latched sample, so the new reader finds it again.
    if (probe) probe.found = this.profiles[reader]?.durability === 'transient_local' ? this.invalid - 1 : this.invalid;
  }

  #examine(probe: Probe): void {
    const { binding, codec, samplesPerTurn } = this.#parts;
    for (let n = 0; n < samplesPerTurn && !this.isClosed; n += 1) {
      const bytes = binding.rclTakeRaw(probe.handle);
      if (bytes === undefined) return;
      try {
        codec.decode(bytes);
      } catch (error) {
        probe.found += 1;
        // Several probes find the same sample, which counts once.
        if (probe.found <= this.invalid) continue;
        this.received += 1;
        this.refuse(bytes, error);
      }
    }
  }
}
