// Queue of commands that arrived and were not handled yet. After a command ran, the event loop gets a turn, so a stop behind twenty
// other commands in one packet is found after the first. The queue is bounded; a command that does not fit is refused at once.

/** A broker has at most 20 unacknowledged messages in flight; the rest is reserve for a busy event loop. */
const CAPACITY = 256;

/** Refusals cost microseconds each; after this many the event loop gets a turn. */
const REFUSALS_PER_TURN = 64;

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
