// Two clients with one id throw each other off for ever: the broker gives the session to the newest. Recognised, named, and damped
// by a long wait. MQTT 5 says so (reason 0x8E); a 3.1.1 broker just closes, so there it is told by its rhythm. Pure.

/** Session taken over (OASIS MQTT 5, 3.14.2.1). */
export const SESSION_TAKEN_OVER = 0x8e;

/** So many losses within the window are a loop and not an accident. */
const LOSSES = 3;
const WINDOW_MS = 10 * 60_000;

/** A connection that ended sooner was ended by somebody, where the broker gave no reason. */
const SHORT_MS = 5_000;
const SHORT_LOSSES = 6;

/** Where another client has this id, each further connect throws it off: rarely is kind to both. */
export const TAKEOVER_WAIT_MS = 5 * 60_000;

export class TakeoverWatch {
  #losses: { readonly atMs: number; readonly told: boolean }[] = [];

  /** @returns whether another client seems to use this id. */
  ended(nowMs: number, lastedMs: number, reason: string | number | undefined): boolean {
    const told = reason === SESSION_TAKEN_OVER;
    if (!told && (lastedMs > SHORT_MS || reason !== undefined)) return false;
    this.#losses = [...this.#losses.filter(({ atMs }) => nowMs - atMs < WINDOW_MS), { atMs: nowMs, told }];
    return this.#losses.filter((loss) => loss.told).length >= LOSSES || this.#losses.length >= SHORT_LOSSES;
  }
}
