// Commands that came and were not looked at yet. One that ran gives way to the event loop before the next, so that a stop behind
// twenty others in one packet is found after the first; the room is bounded, and what finds none is told so at once.

/** A broker has at most 20 unacknowledged messages on their way to us; the rest of the room is for a loop that was busy. */
const ROOM = 256;

/** Refusals cost microseconds; after this many the rest of the program has its turn. */
const REFUSALS_A_TURN = 64;

export class Inbox<T> {
  readonly #waiting: T[] = [];
  readonly #handle: (item: T) => 'ran' | 'refused';
  #turn: NodeJS.Immediate | undefined;

  constructor(handle: (item: T) => 'ran' | 'refused') {
    this.#handle = handle;
  }

  /** Handles it now where nothing else was handled in this turn of the event loop. @returns false where there is no room. */
  put(item: T): boolean {
    if (this.#waiting.length >= ROOM) return false;
    this.#waiting.push(item);
    if (this.#turn === undefined) this.#work();
    return true;
  }

  /** Takes out everything that waits. */
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
    for (let n = 0; n < REFUSALS_A_TURN; n++) {
      const item = this.#waiting.shift();
      if (item === undefined || this.#handle(item) === 'ran') return;
    }
  }
}
