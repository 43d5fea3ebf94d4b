// Provides virtual time, which only the model advances. It replaces the timers, the monotonic clock and the randomness of the process. Timers run in a fixed
// order, so that a seed replays a history exactly.

interface Timer {
  atMs: number;
  /** The interval; undefined for a timer that runs once. */
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
  now: performance.now,
};

/** Resolves after one real turn of the event loop, in which all resolved promises continue. */
export function realTurn(): Promise<void> {
  return new Promise((resolve) => void REAL.setImmediate(resolve));
}

export class VirtualTime {
  nowMs = 0;
  /** Sorted by due time, then by the order of creation. */
  #timers: Timer[] = [];
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  /** Replaces the timers of the process until {@link remove}. */
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
    performance.now = () => this.nowMs;
  }

  remove(): void {
    const { random, now, ...timers } = REAL;
    Object.assign(globalThis, timers);
    Math.random = random;
    performance.now = now;
  }

  /** @returns the next random number of this history, from 0 to 1. */
  random(): number {
    return this.#random();
  }

  after(ms: number, work: () => void): void {
    this.#add(work, ms, undefined);
  }

  /** Runs the timers that are due now, and the timers that become due through them. */
  turn(): void {
    this.advance(0);
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.#next(untilMs)) this.#runNext();
    this.nowMs = untilMs;
  }

  /**
   * Advances like {@link advance}, and lets promises continue after each due time.
   * @param stop ends the run early. @returns the last result of `stop`.
   */
  async run(ms: number, stop: () => boolean = () => false): Promise<boolean> {
    const untilMs = this.nowMs + ms;
    await realTurn();
    for (let next = this.#next(untilMs); next; next = this.#next(untilMs)) {
      const { atMs } = next;
      while (this.#next(atMs)) this.#runNext();
      await realTurn();
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

/** xorshift32: a small generator with the same result on every machine. */
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
