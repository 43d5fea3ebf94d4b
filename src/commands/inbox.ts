// Limits the commands that arrive: a bounded queue, and the rate of each command.
import type { Clock } from '../clock/index.ts';

/** A broker has at most 20 unacknowledged messages in flight. The rest is reserve for a busy event loop. */
const CAPACITY = 256;

/** A refusal takes some microseconds. After this many refusals the event loop gets a turn. */
const REFUSALS_PER_TURN = 64;

/**
 * The queue of commands that were not handled yet. The event loop gets a turn after each command that ran. So a stop behind twenty other
 * commands in one packet is found after the first command.
 */
export class Inbox<T> {
  readonly #waiting: T[] = [];
  readonly #handle: (item: T) => 'ran' | 'refused';
  #turn: NodeJS.Immediate | undefined;

  constructor(handle: (item: T) => 'ran' | 'refused') {
    this.#handle = handle;
  }

  /** Handles the item now if nothing else was handled in this turn of the event loop. @returns false if the queue is full. */
  put(item: T): boolean {
    if (this.#waiting.length >= CAPACITY) return false;
    this.#waiting.push(item);
    if (this.#turn === undefined) this.#work();
    return true;
  }

  /** Removes and returns all waiting items. */
  clear(): T[] {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    return this.#waiting.splice(0);
  }

  #work(): void {
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      if (this.#waiting.length > 0) this.#work();
    });
    for (let n = 0; n < REFUSALS_PER_TURN; n++) {
      const item = this.#waiting.shift();
      if (item === undefined || this.#handle(item) === 'ran') return;
    }
  }
}

const MINUTE_MS = 60_000;

/** Counts the admitted commands of each name in the last minute of monotonic time. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #recent = new Map<string, readonly number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  count(name: string): void {
    this.#recent.set(name, [...this.#within(name), this.#clock.mono()]);
  }

  lastMinute(name: string): number {
    return this.#within(name).length;
  }

  /** The configuration limits the list to 600 entries, the highest rate per minute. */
  #within(name: string): readonly number[] {
    const since = this.#clock.mono() - MINUTE_MS;
    return (this.#recent.get(name) ?? []).filter((ms) => ms > since);
  }
}
