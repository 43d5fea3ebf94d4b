// Holds the newest samples of a subscription while it has no receiver.

export interface HeldSample {
  readonly bytes: Buffer;
  /** Whether a later sample of the same publisher has arrived before it. */
  readonly isLate: boolean;
}

/** As many samples as DDS keeps for a channel while the agent is busy (AUTO_DEPTH in match.ts). */
const MAX_SAMPLES = 1_000;

/** Alerts have a few bytes. This bounds the memory that busy topics of telemetry take. */
const MAX_BYTES = 4 * 1024 * 1024;

export class HeldSamples {
  /** How many samples were dropped, because newer ones arrived. */
  dropped = 0;
  readonly #samples: HeldSample[] = [];
  #bytes = 0;

  /** @param latched the samples that come first. */
  constructor(latched: readonly Buffer[]) {
    for (const bytes of latched) this.add({ bytes, isLate: false });
  }

  get samples(): readonly HeldSample[] {
    return this.#samples;
  }

  add(sample: HeldSample): void {
    this.#samples.push(sample);
    this.#bytes += sample.bytes.length;
    while (this.#samples.length > MAX_SAMPLES || (this.#bytes > MAX_BYTES && this.#samples.length > 1)) {
      this.#bytes -= this.#samples.shift()?.bytes.length ?? 0;
      this.dropped += 1;
    }
  }
}
