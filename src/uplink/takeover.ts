// Detects another client with this robot's id. The broker closes the older of two sessions with one id, so both clients would disconnect
// each other for ever; a long wait slows this down. MQTT 5 may report a takeover (reason 0x8E). Mosquitto 2.0 and MQTT 3.1.1 brokers only
// close the connection, so short connections in a row also count as a takeover. Pure.
import type { ProblemCode } from '../status/index.ts';

/** Causes in the broker or the network, not in another client. */
const NOT_REACHED: readonly ProblemCode[] = ['broker_name_unknown', 'broker_refused_connection', 'broker_unreachable'];

/** Reason code of a session that was taken over (OASIS MQTT 5, 3.14.2.1). */
export const SESSION_TAKEN_OVER = 0x8e;

/** Reported takeovers within the window that prove a second client. */
const LOSSES = 3;
const WINDOW_MS = 10 * 60_000;

/**
 * A connection that the broker closed this soon without a reason may be a takeover. The other client also uses backoff, so the fifth
 * connection in a row lasts about 16 s. After more than a keepalive, the broker may have missed a ping on a slow link.
 */
const SHORT_MS = 30_000;
const SHORT_LOSSES = 5;

/** Each connect ends the session of the other client, so the robot waits long. The wait is shorter if the takeover is only inferred. */
const REPORTED_WAIT_MS = 5 * 60_000;
const INFERRED_WAIT_MS = 60_000;

/** The other client returns after its own wait. A connection that lasted this long has no competitor. */
export const CALM_MS = 2 * REPORTED_WAIT_MS;

export interface Takeover {
  /** True if the broker reported it; false if it is inferred. */
  readonly isReported: boolean;
  readonly waitMs: number;
}

export class TakeoverWatch {
  readonly #shortMs: number;
  #losses: { readonly atMs: number; readonly isReported: boolean }[] = [];
  #isTaken = false;

  constructor(keepaliveMs: number) {
    this.#shortMs = Math.min(SHORT_MS, keepaliveMs);
  }

  /** Whether another client seems to use this id, even while this robot is connected. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /**
   * Records the end of a connection.
   * @param reason undefined: the broker closed the connection without a reason.
   * @returns the takeover if another client seems to use this id.
   */
  ended(nowMs: number, lastedMs: number, reason: string | number | undefined): Takeover | undefined {
    const isReported = reason === SESSION_TAKEN_OVER;
    if (!isReported && (reason !== undefined || lastedMs > (this.#isTaken ? CALM_MS : this.#shortMs))) return undefined;
    this.#losses = [...this.#losses.filter(({ atMs }) => nowMs - atMs < WINDOW_MS), { atMs: nowMs, isReported }];
    const reported = this.#losses.filter((loss) => loss.isReported).length;
    this.#isTaken ||= reported >= LOSSES || this.#losses.length >= SHORT_LOSSES;
    if (!this.#isTaken) return undefined;
    return { isReported: reported > 0, waitMs: reported > 0 ? REPORTED_WAIT_MS : INFERRED_WAIT_MS };
  }

  /**
   * Records a failed connect. If another client is known and the broker hung up, that client is the cause.
   * @returns the takeover in this case.
   */
  refused(nowMs: number, cause: ProblemCode): Takeover | undefined {
    if (NOT_REACHED.includes(cause)) this.reset();
    return this.#isTaken && cause === 'broker_hung_up' ? this.ended(nowMs, 0, undefined) : undefined;
  }

  /** The caller must call this after a connection that lasted {@link CALM_MS}. */
  reset(): void {
    this.#losses = [];
    this.#isTaken = false;
  }
}
