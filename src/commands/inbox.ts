// Limits incoming commands with a bounded queue and a rate limit for each command name.
import type { Clock } from '../clock/index.ts';

/** The broker may have at most 20 unacknowledged messages in flight. The rest is a reserve in case the event loop is busy. */
const CAPACITY = 256;

/** A refusal takes only microseconds, so this many may be handled before the event loop gets a turn. */
const REFUSALS_PER_TURN = 64;

/**
 * A queue of commands that are still to be handled. The event loop gets a turn after each command that has run. So if a packet contains
 * twenty commands and then a stop, the stop is noticed after the first command.
 */
export class Inbox<T> {
  readonly #waiting: T[] = [];
  readonly #handle: (item: T) => 'ran' | 'refused';
  #turn: NodeJS.Immediate | undefined;

  constructor(handle: (item: T) => 'ran' | 'refused') {
    this.#handle = handle;
  }

  /** Handles the item now if nothing else has been handled in this event loop turn. @returns false if the queue is full. */
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

/** Counts the commands admitted in the last minute by name, using monotonic time. */
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

  /** The list has at most 600 entries, because the configuration allows at most 600 commands per minute. */
  #within(name: string): readonly number[] {
    const since = this.#clock.mono() - MINUTE_MS;
    return (this.#recent.get(name) ?? []).filter((ms) => ms > since);
  }
}
