// Detects that another client is using this robot's client id. The broker closes the older of two sessions with the same id, so the clients
// would keep disconnecting each other; a long wait between attempts slows this down. With MQTT 5, the broker may report a takeover (reason
// 0x8E). Mosquitto 2.0 and MQTT 3.1.1 brokers just close the connection, so several short connections in a row are treated as a takeover
// too.
import type { ProblemCode } from '../status/index.ts';
import { NOT_REACHED } from './causes.ts';

/** DISCONNECT reason code "session taken over" (OASIS MQTT 5, 3.14.2.1). */
export const SESSION_TAKEN_OVER = 0x8e;

/** How many takeovers must be reported within {@link WINDOW_MS} before another client is assumed. */
const LOSSES = 3;
const WINDOW_MS = 10 * 60_000;

/**
 * If the broker closes a connection this soon and gives no reason, another client may have taken it over. That client backs off too, so the
 * fifth connection in a row lasts about 16 s. If a connection lasted longer than the keepalive, the cause may be a late ping instead.
 */
const SHORT_MS = 30_000;
const SHORT_LOSSES = 5;

/**
 * How long to wait before reconnecting, because every connect ends the other client's session. Shorter if the takeover is only inferred.
 */
const REPORTED_WAIT_MS = 5 * 60_000;
const INFERRED_WAIT_MS = 60_000;

/** If a connection lasts this long, there is no other client: after a wait like this robot's, it would have connected again by now. */
export const CALM_MS = 2 * REPORTED_WAIT_MS;

export interface Takeover {
  /** Whether the broker reported the takeover. If not, it is inferred from short connections. */
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

  /** Whether another client seems to use this id. May be true while this robot is connected. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /**
   * Records that a connection has ended.
   * @param reason undefined if the broker closed the connection without giving a reason.
   * @returns the takeover, if another client seems to use this id.
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
   * Records a failed connection attempt.
   * @returns the takeover, if another client is already assumed and the broker hung up, which is then put down to that client.
   */
  refused(nowMs: number, cause: ProblemCode): Takeover | undefined {
    if (NOT_REACHED.includes(cause)) this.reset();
    return this.#isTaken && cause === 'broker_hung_up' ? this.ended(nowMs, 0, undefined) : undefined;
  }

  /** Must be called once a connection has lasted {@link CALM_MS}. */
  reset(): void {
    this.#losses = [];
    this.#isTaken = false;
  }
}
