// What the last will says of the robot's power. It can't be changed within its session: once it is no longer so, the session has to end
// for another, and it says here when. A battery that became low, or no longer is, is worth that; another percent is not.
import type { Power } from '../wire/index.ts';

/** A battery that swings further than any gap must not cost a session each time. */
const AT_MOST_EVERY_MS = 600_000;

export class LastWill {
  #power: Power | undefined;
  #isLowInIt = false;
  #renewedMs = Number.NEGATIVE_INFINITY;

  /** What is known now; undefined: as before. */
  know(power: Power | undefined): void {
    this.#power = power ?? this.#power;
  }

  get power(): Power | undefined {
    return this.#power;
  }

  /** A session begins, with what is known now. */
  set(): { readonly power?: Power } {
    this.#isLowInIt = this.#power?.low ?? false;
    return this.#power ? { power: this.#power } : {};
  }

  /** Whether another session should say otherwise. */
  isDue(nowMs: number): boolean {
    return (this.#power?.low ?? false) !== this.#isLowInIt && nowMs - this.#renewedMs >= AT_MOST_EVERY_MS;
  }

  /** A session ends for the sake of another. */
  renewed(nowMs: number): void {
    this.#renewedMs = nowMs;
  }
}
