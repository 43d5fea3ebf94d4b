// What was started and how each is undone: in reverse, past errors, within one deadline.
import type { Logger } from '../../logs/index.ts';

type Undo = () => void | Promise<void>;

export class Steps {
  readonly #log: Logger;
  readonly #done: (readonly [name: string, undo: Undo])[] = [];
  #endMs = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, undo: Undo): void {
    this.#done.push([name, undo]);
  }

  /** What is left of the deadline while they are undone, in milliseconds. */
  get leftMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** Undone once. An error is kept and the rest goes on. @throws the first error met. */
  async undo(deadlineMs: number): Promise<void> {
    this.#endMs = performance.now() + deadlineMs;
    let first: unknown;
    for (const [name, undo] of this.#done.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        first ??= error;
        this.#log.error({ event: 'stop_failed', step: name, err: error }, `stopping ${name} failed`);
      }
    }
    if (first !== undefined) throw first;
  }
}
