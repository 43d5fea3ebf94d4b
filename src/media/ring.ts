// Keeps the latest images within a time limit and a byte limit, by dropping the oldest ones.

interface Kept {
  readonly jpeg: { readonly length: number };
  /** In monotonic milliseconds. */
  readonly atMs: number;
}

export class Ring<T extends Kept> {
  readonly #limits: { readonly ms: number; readonly bytes: number };
  #frames: T[] = [];
  #bytes = 0;

  constructor(limits: { readonly ms: number; readonly bytes: number }) {
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
    let removed = 0;
    for (const { atMs, jpeg } of this.#frames) {
      if (nowMs - atMs <= ms && this.#bytes <= bytes) break;
      this.#bytes -= jpeg.length;
      removed += 1;
    }
    if (removed > 0) this.#frames.splice(0, removed);
  }
}
