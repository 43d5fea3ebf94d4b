// Undoes the steps of the start in reverse order, past errors, within one deadline.
import type { Logger } from '../../logs/index.ts';

type Undo = () => void | Promise<void>;

export class ShutdownStack {
  readonly #log: Logger;
  readonly #done: (readonly [name: string, undo: Undo])[] = [];
  #endMs = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, undo: Undo): void {
    this.#done.push([name, undo]);
  }

  /** Milliseconds that are left of the deadline while the steps are undone. */
  get leftMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** Undoes each step once. An error does not stop the rest. @throws the first error, at the end. */
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
