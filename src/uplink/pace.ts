// Chooses the wait before the next connection attempt. It depends on how the last connection ended: whether the whole fleet may have lost
// the broker at this moment, and whether connections keep ending for a known reason. Pure except for the count of failures.
import { type BackoffLimits, backoffMs, STABLE_AFTER_MS } from '../base/index.ts';
import type { Explanation } from './losses/explain.ts';

export interface PaceLimits extends BackoffLimits {
  /** The first wait, at most, if the broker ended a stable connection and so perhaps those of a fleet. */
  readonly spreadMs: number;
}

/** Each connect ends the other client's session, so the robot waits. Shorter if the other client is only inferred. */
const REPORTED_WAIT_MS = 5 * 60_000;
const INFERRED_WAIT_MS = 60_000;

/** The shortest wait before a connection whose time is limited, because the limit is not certain. */
const LIMITED_WAIT_MS = 5_000;

export class Pace {
  readonly #limits: PaceLimits;
  #failures = 0;
  /** Whether the last stable connection ended as those of all robots do when their broker restarts. */
  #isFleetwide = false;
  #cause: Explanation | undefined;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Records a failed attempt. @param cause why, if connections keep ending for a known reason. */
  failed(cause: Explanation | undefined): void {
    this.#cause = cause;
    this.#failures++;
  }

  /**
   * Records the end of a connection.
   * @param isByPeer whether the other side ended it. If the robot does, each robot notices a dead path at another time.
   * @param cause why, if connections keep ending for a known reason.
   */
  ended(lastedMs: number, isByPeer: boolean, cause: Explanation | undefined): void {
    const isStable = lastedMs >= STABLE_AFTER_MS;
    this.#cause = cause;
    if (isStable) this.#isFleetwide = isByPeer;
    this.#failures = isStable ? 1 : this.#failures + 1;
  }

  /** Records that a link of this robot came up, which concerns no other robot. */
  linkUp(): void {
    this.#failures = 0;
    this.#isFleetwide = false;
  }

  /**
   * @param isUrgent whether an alert waits. @param random a random number with 0 <= random < 1.
   * @returns milliseconds
   */
  waitMs(isUrgent: boolean, random: number): number {
    const { minMs, maxMs, spreadMs } = this.#limits;
    const cause = this.#cause;
    const shortest = backoffMs(this.#failures, { minMs, maxMs }, random);
    if (isUrgent) return shortest;
    // Two identical agents would otherwise take turns after an exact time, which looks like a time limit.
    if (cause?.kind === 'taken') return Math.round(takenWaitMs(cause) * (0.75 + random / 2));
    if (cause?.kind === 'idle') return backoffMs(1, { minMs, maxMs }, random);
    if (cause?.kind === 'limit') {
      const mostMs = Math.min(spreadMs, Math.max(cause.lastedMs, LIMITED_WAIT_MS));
      return backoffMs(1, { minMs, maxMs, firstMs: mostMs }, random);
    }
    return this.#isFleetwide ? backoffMs(this.#failures, { minMs, maxMs, firstMs: spreadMs }, random) : shortest;
  }
}

/** How long the robot waits on average while another client uses its name. */
export function takenWaitMs({ isReported }: Explanation & { kind: 'taken' }): number {
  return isReported ? REPORTED_WAIT_MS : INFERRED_WAIT_MS;
}
