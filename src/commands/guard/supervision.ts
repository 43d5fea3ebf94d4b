// Decides whether an agent with a running motion counts as dead. Pure: the time is a parameter, and deadlineMs() says when to check again.
import { GRACE_MS, PING_WITHIN_MS } from './protocol.ts';

interface Armed {
  readonly ticket: number;
  readonly endMs: number;
  readonly pingMs: number;
}

export class Supervision {
  #armed: Armed | undefined;

  get isArmed(): boolean {
    return this.#armed !== undefined;
  }

  arm(ticket: number, durationMs: number, nowMs: number): void {
    this.#armed = { ticket, endMs: nowMs + durationMs + GRACE_MS, pingMs: nowMs };
  }

  ping(nowMs: number): void {
    if (this.#armed) this.#armed = { ...this.#armed, pingMs: nowMs };
  }

  disarm(ticket: number): void {
    if (this.#armed?.ticket === ticket) this.#armed = undefined;
  }

  /** Ends the supervision after the stop was published. */
  reset(): void {
    this.#armed = undefined;
  }

  /** Latest time for the next ping or the end of the motion; undefined without a motion. */
  deadlineMs(): number | undefined {
    return this.#armed && Math.min(this.#armed.endMs, this.#armed.pingMs + PING_WITHIN_MS);
  }

  /** Why the stop must be published now; undefined if it need not. */
  overdue(nowMs: number): string | undefined {
    if (!this.#armed) return undefined;
    if (nowMs >= this.#armed.endMs) return 'the agent did not end the motion in time';
    return nowMs >= this.#armed.pingMs + PING_WITHIN_MS ? `the agent sent no ping for ${PING_WITHIN_MS} ms` : undefined;
  }
}
