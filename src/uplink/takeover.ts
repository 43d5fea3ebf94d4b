// Two clients with one id throw each other off for ever: the broker gives the session to the newest. Recognised, named, and damped
// by a long wait. MQTT 5 may say so (reason 0x8E); Mosquitto 2.0 and a 3.1.1 broker just close, so it is recognised by its rhythm. Pure.
import type { ProblemCode } from '../status/index.ts';

/** Causes that lie with the broker or the network, and not with another client. */
const NOT_REACHED: readonly ProblemCode[] = ['broker_name_unknown', 'broker_refused_connection', 'broker_unreachable'];

/** Session taken over (OASIS MQTT 5, 3.14.2.1). */
export const SESSION_TAKEN_OVER = 0x8e;

/** So many losses within the window are a loop and not an accident. */
const LOSSES = 3;
const WINDOW_MS = 10 * 60_000;

/**
 * A connection that came about at once and was closed so soon, without a word, was ended by somebody. The other client backs off as
 * we do, so that the fifth of ours lasts about 16 s. After a keepalive the broker may have ended it for what a slow link held up.
 */
const SHORT_MS = 30_000;
const SHORT_LOSSES = 5;

/** While another client has this id, each connect ends its session, so both wait long. The wait is shorter if the takeover is only inferred. */
const TOLD_WAIT_MS = 5 * 60_000;
const GUESSED_WAIT_MS = 60_000;

/** The other comes back after its own wait: a connection that lasted this long has no competitor. */
export const CALM_MS = 2 * TOLD_WAIT_MS;

export interface Takeover {
  /** The broker said so; otherwise inferred from the rhythm. */
  readonly told: boolean;
  readonly waitMs: number;
}

export class TakeoverWatch {
  readonly #shortMs: number;
  #losses: { readonly atMs: number; readonly told: boolean }[] = [];
  #taken = false;

  constructor(keepaliveMs: number) {
    this.#shortMs = Math.min(SHORT_MS, keepaliveMs);
  }

  /** Another client seems to use this id, connected or not. */
  get isTaken(): boolean {
    return this.#taken;
  }

  /**
   * A connection is over.
   * @param reason undefined: the broker closed it without a word.
   * @returns the reaction if another client seems to use this id.
   */
  ended(nowMs: number, lastedMs: number, reason: string | number | undefined): Takeover | undefined {
    const told = reason === SESSION_TAKEN_OVER;
    if (!told && (reason !== undefined || lastedMs > (this.#taken ? CALM_MS : this.#shortMs))) return undefined;
    this.#losses = [...this.#losses.filter(({ atMs }) => nowMs - atMs < WINDOW_MS), { atMs: nowMs, told }];
    const tolds = this.#losses.filter((loss) => loss.told).length;
    this.#taken ||= tolds >= LOSSES || this.#losses.length >= SHORT_LOSSES;
    if (!this.#taken) return undefined;
    return { told: tolds > 0, waitMs: tolds > 0 ? TOLD_WAIT_MS : GUESSED_WAIT_MS };
  }

  /**
   * The connection failed. If another client is known to use this id and the broker closed this connection early, that client took it over; the
   * broker is not the cause.
   * @returns the reaction in this case.
   */
  refused(nowMs: number, cause: ProblemCode): Takeover | undefined {
    if (NOT_REACHED.includes(cause)) this.over();
    return this.#taken && cause === 'broker_hung_up' ? this.ended(nowMs, 0, undefined) : undefined;
  }

  /** A connection has lasted, or the broker itself could not be reached: that is another trouble. */
  over(): void {
    this.#losses = [];
    this.#taken = false;
  }
}
