// Commits when the file or the disk is full. Alerts may use the last part of the file; for other rows the oldest rows are evicted first.
// If the disk itself is full, the ballast is released too.
import type { Evictor } from './eviction.ts';
import { isDiskFull, type Space } from './space.ts';
import type { Store } from './store.ts';

/** How often space is made before one commit. */
const EVICTION_ROUNDS = 8;

export class Capacity {
  readonly #store: Store;
  readonly #space: Space;
  readonly #evictor: Evictor;

  constructor(store: Store, space: Space, evictor: Evictor) {
    this.#store = store;
    this.#space = space;
    this.#evictor = evictor;
  }

  /** Runs the commit `work`, and makes space for it as long as that helps. @throws SQLite's error if it does not help. */
  commit(onlyAlerts: boolean, work: () => void): void {
    if (!onlyAlerts && this.#space.isNearlyFull()) this.#evictor.makeSpace();
    for (let tries = 0; ; tries++) {
      try {
        work();
        return;
      } catch (error) {
        if (!isDiskFull(error) || tries >= EVICTION_ROUNDS) throw error;
        const helped = tries === 0 || this.#space.releaseBallast() || this.#evictor.makeSpace();
        if (!helped) throw error;
        // After a checkpoint SQLite writes the WAL from its beginning, over blocks that it already has: that needs no space on the disk.
        unlessFull(() => this.#store.checkpoint());
      }
    }
  }
}

/** Runs `work`. @returns false if the disk or the file's bound is full. @throws any other error */
export function unlessFull(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return false;
  }
}
