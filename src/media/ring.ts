// The latest small pictures, bounded in time and bytes; the oldest is evicted first.

interface Kept {
  readonly jpeg: { readonly length: number };
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

export interface RingLimits {
  readonly ms: number;
  readonly bytes: number;
}

export class Ring<T extends Kept> {
  readonly #limits: RingLimits;
  #frames: T[] = [];
  #bytes = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get newest(): T | undefined {
    return this.#frames.at(-1);
  }

  /** Oldest first. */
  all(nowMs: number): readonly T[] {
    this.#trim(nowMs);
    return [...this.#frames];
  }

  push(frame: T): void {
    this.#frames.push(frame);
    this.#bytes += frame.jpeg.length;
    this.#trim(frame.atMs);
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
  }

  #trim(nowMs: number): void {
    const { ms, bytes } = this.#limits;
    let gone = 0;
    for (const { atMs, jpeg } of this.#frames) {
      if (nowMs - atMs <= ms && this.#bytes <= bytes) break;
      this.#bytes -= jpeg.length;
      gone += 1;
    }
    if (gone > 0) this.#frames.splice(0, gone);
  }
}
