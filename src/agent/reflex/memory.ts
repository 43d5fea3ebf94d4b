// Stores the standing announcement in the outbox file, so that a restart neither repeats nor forgets it.
import * as z from 'zod';
import { parseJson } from '../../base/index.ts';
import { type Db, Notes } from '../../outbox/index.ts';
import type { Announced } from './decision.ts';

/** The note's name in the outbox file. */
const NOTE = 'reflex';

/** Bounds the note if a detector raises an alert a minute during a week without a link. The oldest ones would be announced once more. */
const MOST_ALERTS = 500;

const schema = z.object({
  alerts: z.array(
    z.object({ channel: z.string(), incident: z.string(), row: z.object({ outbox: z.string(), seq: z.number() }).nullable() }),
  ),
  repeats: z.number(),
  at: z.number(),
});

export interface StandingAnnouncement {
  readonly alerts: readonly Announced[];
  readonly repeats: number;
  /** Wall time of the last announcement, or of its end. */
  readonly at: number;
}

export class ReflexMemory {
  readonly #notes: Notes;

  constructor(db: Db) {
    this.#notes = new Notes(db);
  }

  /** @returns undefined if no announcement was stored. */
  read(): StandingAnnouncement | undefined {
    return schema.safeParse(parseJson(this.#notes.read(NOTE))).data;
  }

  /** @throws SQLite's error */
  write({ alerts, ...rest }: StandingAnnouncement): void {
    this.#notes.write(NOTE, JSON.stringify({ alerts: alerts.slice(-MOST_ALERTS), ...rest }));
  }
}
