// Reads the changes for all streams of this instance: one look at the database at a time, whatever the number of streams. Streams with the
// same robot and moment share the answer.
import { setTimeout as pause } from 'node:timers/promises';
import { type Database, refusesData } from '../database/index.ts';
import { CHANGES, type Changes, MAX_CHANGES, type Moment } from './changes.ts';

/** Shortest time between the beginnings of two looks. */
const PACE_MS = 200;
/** Robots of one statement. It limits the memory for the answer and the time that the others wait. */
const ROBOTS = 100;

interface Asked {
  readonly thing: string;
  readonly since: Moment | null;
  readonly streams: { readonly resolve: (changes: Changes) => void; readonly reject: (error: unknown) => void }[];
}

export class Looks {
  readonly #db: Database;
  #asked = new Map<string, Asked>();
  #isLooking = false;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @param since null reads the current state and the open alerts. @throws the error of the database. */
  changes(thing: string, since: Moment | null): Promise<Changes> {
    const key = `${since} ${thing}`;
    const asked = this.#asked.get(key) ?? { thing, since, streams: [] };
    this.#asked.set(key, asked);
    if (!this.#isLooking) void this.#look();
    return new Promise((resolve, reject) => asked.streams.push({ resolve, reject }));
  }

  /** Never rejects. A question that comes during a look is part of the next one. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#asked.size > 0) {
      // Even without a pause, all streams that the same notification woke have asked.
      await pause(Math.max(0, this.#lookedMs + PACE_MS - performance.now()));
      this.#lookedMs = performance.now();
      const asked = [...this.#asked.values()];
      this.#asked.clear();
      for (let from = 0; from < asked.length; from += ROBOTS) await this.#answer(asked.slice(from, from + ROBOTS));
    }
    this.#isLooking = false;
  }

  async #answer(asked: readonly Asked[]): Promise<void> {
    try {
      const columns = [asked.map(({ thing }) => thing), asked.map(({ since }) => since)];
      for (const { n, ...changes } of await this.#db.prepared<Changes & { n: number }>(CHANGES, [...columns, MAX_CHANGES])) {
        for (const stream of asked[n - 1]?.streams ?? []) stream.resolve(changes);
      }
    } catch (error) {
      // One robot's data must not end the streams of the others.
      if (asked.length > 1 && refusesData(error)) for (const one of asked) await this.#answer([one]);
      else for (const stream of asked.flatMap(({ streams }) => streams)) stream.reject(error);
    }
  }
}
