// Undoes the startup steps in reverse order and within one deadline. If a step fails, the remaining steps still run.
import type { Logger } from '../../logs/index.ts';

type Undo = () => void | Promise<void>;

export class ShutdownStack {
  readonly #log: Logger;
  readonly #steps: (readonly [name: string, undo: Undo])[] = [];
  #endMs = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, undo: Undo): void {
    this.#steps.push([name, undo]);
  }

  /** Milliseconds left until the deadline. */
  get leftMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** Undoes each step once. @throws the first error, once all steps have run. */
  async undo(deadlineMs: number): Promise<void> {
    this.#endMs = performance.now() + deadlineMs;
    let first: unknown;
    for (const [name, undo] of this.#steps.splice(0).reverse()) {
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
