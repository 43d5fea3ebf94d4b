// Decides when the pump may send rows of each lane again after the broker refused a message. A lane that waits does not stop the others,
// and a waiting lane is tried with one message at a time. Pure: time and randomness are parameters.
import { type BackoffLimits, backoffMs } from '../base/index.ts';
import type { RefusalKind } from './reasons.ts';

/** The pump's queues, in order of urgency. Telemetry has two: live readings and the backlog. */
export type Lane = 'alert' | 'result' | 'event' | 'live' | 'backlog';

/** A refused message. */
export interface Refused {
  /** Identifies its first row. */
  readonly key: string;
  readonly rows: number;
  /** Whether its rows may be evicted if the broker refuses their content for good. */
  readonly mayPoison: boolean;
}

interface LaneState {
  failures: number;
  untilMs: number;
  isTrying: boolean;
  maxRows: number;
}

/** Rows per message. Building a message of this many blocks the event loop for about 2 ms. */
const MAX_ROWS = 1_000;

/** After this many refusals of its content, a single row is poison. */
const MAX_TRIES = 3;

/**
 * Longest wait before refused rows are tried again. A topic that is refused for long costs 6 messages a minute for alerts, 1 for others.
 */
export const ALERT_WAIT_MS = 10_000;
export const WAIT_MS = 60_000;

export class Lanes {
  readonly #backoff: BackoffLimits;
  readonly #random: () => number;
  readonly #lanes = new Map<Lane, LaneState>();
  /** How often the broker refused the content of a message with a single row, by the row's key. */
  readonly #tries = new Map<string, number>();

  constructor(backoff: BackoffLimits, random: () => number) {
    this.#backoff = backoff;
    this.#random = random;
  }

  /** Returns how many rows the lane's next message may contain; 0 while the lane waits. */
  maxRows(lane: Lane, nowMs: number): number {
    const state = this.#lanes.get(lane);
    if (!state) return MAX_ROWS;
    return state.failures > 0 && (state.isTrying || nowMs < state.untilMs) ? 0 : state.maxRows;
  }

  sent(lane: Lane): void {
    const state = this.#lanes.get(lane);
    if (state && state.failures > 0) state.isTrying = true;
  }

  acknowledged(lane: Lane, key: string): void {
    this.#tries.delete(key);
    const state = this.#lanes.get(lane);
    if (!state) return;
    if (state.maxRows >= MAX_ROWS) this.#lanes.delete(lane);
    else Object.assign(state, { failures: 0, isTrying: false, maxRows: Math.min(MAX_ROWS, state.maxRows * 2) });
  }

  /** Records a refusal. @returns whether the message is poison: its only row will never be accepted. */
  refused(lane: Lane, kind: RefusalKind, { key, rows, mayPoison }: Refused, nowMs: number): boolean {
    const state = this.#lanes.get(lane) ?? { failures: 0, untilMs: 0, isTrying: false, maxRows: MAX_ROWS };
    this.#lanes.set(lane, state);
    state.isTrying = false;
    if (kind === 'payload' && rows > 1) {
      // Any of the rows may be the bad one, so the next message has half of them.
      state.failures = Math.max(1, state.failures);
      state.maxRows = Math.min(state.maxRows, Math.ceil(rows / 2));
      return false;
    }
    if (kind === 'payload' && mayPoison) return this.#contentRefused(state, key, nowMs);
    // The messages that were in flight at the same time are refused too. They count as one failure.
    if (state.failures > 0 && nowMs < state.untilMs) return false;
    state.failures++;
    const maxMs = Math.min(this.#backoff.maxMs, lane === 'alert' ? ALERT_WAIT_MS : WAIT_MS);
    state.untilMs = nowMs + backoffMs(state.failures, { minMs: this.#backoff.minMs, maxMs }, this.#random());
    return false;
  }

  /** Returns the milliseconds until the wait of a lane ends; undefined if no lane waits. */
  waitMs(nowMs: number): number | undefined {
    const waits = [...this.#lanes.values()].filter(({ failures, untilMs }) => failures > 0 && untilMs > nowMs);
    return waits.length === 0 ? undefined : Math.min(...waits.map(({ untilMs }) => untilMs)) - nowMs;
  }

  #contentRefused(state: LaneState, key: string, nowMs: number): boolean {
    const tries = (this.#tries.get(key) ?? 0) + 1;
    this.#tries.set(key, tries);
    state.failures = 1;
    state.untilMs = nowMs + this.#backoff.minMs;
    if (tries < MAX_TRIES) return false;
    this.#tries.delete(key);
    state.untilMs = nowMs;
    return true;
  }
}
