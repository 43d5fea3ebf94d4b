// Time that stands still until a model turns it: every timer of the code under test runs when the model says, in one order, so
// that a seed replays a history exactly. It takes the place of the process's timers and randomness while it is installed.

interface Timer {
  atMs: number;
  /** Repeats after this; undefined: once. */
  readonly everyMs: number | undefined;
  work: (() => void) | undefined;
  ref(): Timer;
  unref(): Timer;
}

const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  queueMicrotask: globalThis.queueMicrotask,
  random: Math.random,
};

/** Resolves when every promise that can go on has gone on: one real turn of the event loop. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void REAL.setImmediate(resolve));
}

export class VirtualTime {
  nowMs = 0;
  /** Sorted by time, then by when it was set. */
  #timers: Timer[] = [];
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  /** From now on, until {@link remove}, timers are this one's. */
  install(): void {
    const clear = (timer: unknown) => {
      if (timer) (timer as Timer).work = undefined;
    };
    Object.assign(globalThis, {
      setTimeout: (work: () => void, ms = 0) => this.#add(work, Math.max(1, ms), undefined),
      setInterval: (work: () => void, ms = 0) => this.#add(work, Math.max(1, ms), Math.max(1, ms)),
      setImmediate: (work: () => void) => this.#add(work, 0, undefined),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
      queueMicrotask: (work: () => void) => void this.#add(work, 0, undefined),
    });
    Math.random = this.#random;
  }

  remove(): void {
    const { random, ...timers } = REAL;
    Object.assign(globalThis, timers);
    Math.random = random;
  }

  /** A number from 0 to 1, the next of this history. */
  random(): number {
    return this.#random();
  }

  /** Calls `work` in `ms`. */
  after(ms: number, work: () => void): void {
    this.#add(work, ms, undefined);
  }

  /** Runs what is due now, and what that makes due now. */
  turn(): void {
    this.advance(0);
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.#next(untilMs)) this.#runNext();
    this.nowMs = untilMs;
  }

  /** As {@link advance}; after each moment, promises go on. `stop` is asked after each: whether that is enough. */
  async run(ms: number, stop: () => boolean = () => false): Promise<boolean> {
    const untilMs = this.nowMs + ms;
    await settled();
    for (let next = this.#next(untilMs); next; next = this.#next(untilMs)) {
      const { atMs } = next;
      while (this.#next(atMs)) this.#runNext();
      await settled();
      if (stop()) return true;
    }
    this.nowMs = untilMs;
    return stop();
  }

  #add(work: () => void, ms: number, everyMs: number | undefined): Timer {
    const timer: Timer = { atMs: this.nowMs + ms, everyMs, work, ref: () => timer, unref: () => timer };
    this.#insert(timer);
    return timer;
  }

  #insert(timer: Timer): void {
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1] as Timer).atMs > timer.atMs) at--;
    this.#timers.splice(at, 0, timer);
  }

  #next(untilMs: number): Timer | undefined {
    while (this.#timers[0]?.work === undefined && this.#timers.length > 0) this.#timers.shift();
    const first = this.#timers[0];
    return first && first.atMs <= untilMs ? first : undefined;
  }

  #runNext(): void {
    const timer = this.#timers.shift() as Timer;
    this.nowMs = Math.max(this.nowMs, timer.atMs);
    const { work, everyMs } = timer;
    if (everyMs === undefined) timer.work = undefined;
    else {
      timer.atMs += everyMs;
      this.#insert(timer);
    }
    work?.();
  }
}

/** xorshift32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}
