// Whether an agent with a motion under way has to be taken for dead. Pure: it is told the time, and says when to ask again.
import { BEAT_WITHIN_MS, GRACE_MS } from './protocol.ts';

interface Armed {
  readonly ticket: number;
  readonly endMs: number;
  readonly heardMs: number;
}

export class Watch {
  #armed: Armed | undefined;

  get isArmed(): boolean {
    return this.#armed !== undefined;
  }

  arm(ticket: number, durationMs: number, nowMs: number): void {
    this.#armed = { ticket, endMs: nowMs + durationMs + GRACE_MS, heardMs: nowMs };
  }

  beat(nowMs: number): void {
    if (this.#armed) this.#armed = { ...this.#armed, heardMs: nowMs };
  }

  disarm(ticket: number): void {
    if (this.#armed?.ticket === ticket) this.#armed = undefined;
  }

  /** The stop was published: nothing is left to watch. */
  letGo(): void {
    this.#armed = undefined;
  }

  /** When, at the latest, the agent has to be heard from, or done; undefined with no motion under way. */
  deadlineMs(): number | undefined {
    return this.#armed && Math.min(this.#armed.endMs, this.#armed.heardMs + BEAT_WITHIN_MS);
  }

  /** Why the stop has to be published at this moment. */
  overdue(nowMs: number): string | undefined {
    if (!this.#armed) return undefined;
    if (nowMs >= this.#armed.endMs) return 'the motion was not ended in its time';
    return nowMs >= this.#armed.heardMs + BEAT_WITHIN_MS ? `the agent was not heard for ${BEAT_WITHIN_MS} ms` : undefined;
  }
}
