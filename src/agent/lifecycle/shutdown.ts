// Undoes the startup steps in reverse order and within one deadline. If a step fails or never ends, the remaining steps still run.
import { messageOf, withDeadline } from '../../base/index.ts';
import type { Logger } from '../../logs/index.ts';

type Undo = () => void | Promise<void>;

interface Step {
  readonly name: string;
  readonly undo: Undo;
  readonly atMostMs: number;
}

/** Longest time for a step, unless it is added with another. One step that hangs must not use up the time to send the waiting rows. */
const STEP_MS = 2_000;

/** After the deadline, each step still has this time, so that for example the database is closed. */
const LATE_STEP_MS = 100;

/** Every step has run, but some have failed or did not end. The message lists them. */
export class IncompleteStop extends Error {
  constructor(failures: ReadonlyMap<string, unknown>) {
    const [first] = failures.values();
    super([...failures].map(([step, error]) => `${step}: ${messageOf(error)}`).join('; '), { cause: first });
  }
}

export class ShutdownStack {
  readonly #log: Logger;
  readonly #steps: Step[] = [];
  readonly #failures = new Map<string, unknown>();
  #endMs = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param atMostMs longest time for the step, within the deadline. */
  add(name: string, undo: Undo, atMostMs = STEP_MS): void {
    this.#steps.push({ name, undo, atMostMs });
  }

  /** Milliseconds left until the deadline. */
  get leftMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** Whether a step has failed or did not end. */
  get hasFailed(): boolean {
    return this.#failures.size > 0;
  }

  /** Undoes each step once. @throws IncompleteStop once all steps have run, if some failed or did not end. */
  async undo(deadlineMs: number): Promise<void> {
    this.#endMs = performance.now() + deadlineMs;
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await this.#run(step);
      } catch (error) {
        this.#failures.set(step.name, error);
        this.#log.error({ event: 'stop_failed', step: step.name, err: error }, `stopping ${step.name} failed: ${messageOf(error)}`);
      }
    }
    if (this.hasFailed) throw new IncompleteStop(this.#failures);
  }

  /** @throws the error of the step, or one that says that it has not ended in time. It may still end later. */
  async #run({ undo, atMostMs }: Step): Promise<void> {
    const forMs = Math.max(LATE_STEP_MS, Math.min(atMostMs, this.leftMs));
    await withDeadline(Promise.resolve(undo()), forMs, () => {
      throw new Error(`it did not end within ${(forMs / 1_000).toFixed(1)} s`);
    });
  }
}
