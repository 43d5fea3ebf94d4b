// Exactly one answer for each id: the result's row and the journal's entry are one transaction, and an id counts as taken from
// its admission on, also while its answer is not on disk yet.
import type { Clock } from '../clock/index.ts';
import { crashPoint } from '../crashPoint.ts';
import type { CommandJournal, Outbox } from '../outbox/index.ts';
import type { ResultBody } from '../wire/index.ts';

/** Refusals answered at once, and then a second: without an end to them a flood of commands would take the outbox from readings. */
const REFUSALS_AT_ONCE = 20_000;
const REFUSALS_A_SECOND = 50;

export class Answers {
  readonly #outbox: Outbox;
  readonly #journal: CommandJournal;
  readonly #clock: Clock;
  readonly #counts: Record<string, number> = {};
  /** Taken, but the journal does not have the answer yet. */
  readonly #open = new Set<string>();
  #refusalsLeft = REFUSALS_AT_ONCE;
  #refilledMs = 0;

  constructor(outbox: Outbox, journal: CommandJournal, clock: Clock) {
    this.#outbox = outbox;
    this.#journal = journal;
    this.#clock = clock;
  }

  /** How many there were of each status since the start. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  /** @throws SQLite's error where the journal can't be read. */
  isTaken(id: string): boolean {
    return this.#open.has(id) || this.#journal.find(id) !== undefined;
  }

  take(id: string | undefined): void {
    if (id !== undefined) this.#open.add(id);
  }

  /** Durable when it returns: from now on the command is never run again. @throws SQLite's error */
  begin(id: string | undefined, name: string): void {
    crashPoint('command_before_record');
    if (id !== undefined) this.#journal.begin(id, name, this.#clock.wall());
    crashPoint('command_recorded');
  }

  give(id: string | undefined, result: Omit<ResultBody, 'kind' | 'id'>): void {
    this.count(result.status);
    if (id === undefined) return;
    const body: ResultBody = { kind: 'result', id, ...result, ...(result.detail ? { detail: result.detail.slice(0, 500) } : {}) };
    this.#open.add(id);
    this.#outbox.append({ class: 'result', body }, () => {
      this.#journal.begin(id, result.command ?? '', this.#clock.wall());
      this.#journal.end(id, body);
      crashPoint('command_answer_in_transaction');
      this.#open.delete(id);
    });
    crashPoint('command_answered');
  }

  /** The answer to what did not run. @returns false where there were so many that this one gets none. */
  refuse(id: string | undefined, result: Omit<ResultBody, 'kind' | 'id'>): boolean {
    const now = this.#clock.mono();
    const refill = ((now - this.#refilledMs) / 1_000) * REFUSALS_A_SECOND;
    this.#refusalsLeft = Math.min(REFUSALS_AT_ONCE, this.#refusalsLeft + refill);
    this.#refilledMs = now;
    if (this.#refusalsLeft < 1) {
      this.count('unanswered');
      return false;
    }
    this.#refusalsLeft--;
    this.give(id, result);
    return true;
  }

  count(status: string): void {
    this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }
}
