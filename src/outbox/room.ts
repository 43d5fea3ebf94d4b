// A commit where the file or the disk is full: alerts may use the last of the room; for anything else the oldest goes first. Where
// the disk itself is full, so does the ballast.
import { nextEviction } from './eviction.ts';
import type { GivingUp } from './givingUp.ts';
import type { Ledger } from './ledger.ts';
import { isDiskFull, type Space } from './space.ts';
import type { Store } from './store.ts';

/** How often room is made before one commit. */
const EVICTION_ROUNDS = 8;

export class Room {
  readonly #store: Store;
  readonly #ledger: Ledger;
  readonly #space: Space;
  readonly #givingUp: GivingUp;

  constructor(store: Store, ledger: Ledger, space: Space, givingUp: GivingUp) {
    this.#store = store;
    this.#ledger = ledger;
    this.#space = space;
    this.#givingUp = givingUp;
  }

  /** Commits, and makes room for it as long as that helps. @throws SQLite's error where it does not. */
  commit(onlyAlerts: boolean, work: () => void): void {
    if (!onlyAlerts && this.#space.isNearlyFull()) this.#evict();
    for (let tries = 0; ; tries++) {
      try {
        work();
        return;
      } catch (error) {
        if (!isDiskFull(error) || tries >= EVICTION_ROUNDS) throw error;
        const helped = tries === 0 || this.#space.releaseBallast() || this.#evict();
        if (!helped) throw error;
        // Once the WAL is copied into the database it is written from its beginning again, over blocks it has: that needs no room.
        whereRoom(() => this.#store.checkpoint());
      }
    }
  }

  #evict(): boolean {
    const eviction = nextEviction(this.#store, this.#ledger);
    if (eviction === undefined || eviction === 'delivered') return eviction !== undefined;
    const record = this.#ledger.records.at(eviction.outbox);
    if (!record) return false;
    this.#givingUp.now(record, eviction.ranges, 'space');
    return true;
  }
}

/** @returns false where the disk, or the room the file may take, is full. @throws any other error */
export function whereRoom(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return false;
  }
}
