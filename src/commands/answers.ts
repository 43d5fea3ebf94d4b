// Exactly one answer for each id: the result's row and the journal's entry are one transaction, and an id counts as taken from
// its admission on, also while its answer is not on disk yet.
import type { Clock } from '../clock/index.ts';
import { crashPoint } from '../crashPoint.ts';
import type { CommandJournal, Outbox } from '../outbox/index.ts';
import type { ResultBody } from '../wire/index.ts';

export class Answers {
  readonly #outbox: Outbox;
  readonly #journal: CommandJournal;
  readonly #clock: Clock;
  readonly #counts: Record<string, number> = {};
  /** Taken, but the journal does not have the answer yet. */
  readonly #open = new Set<string>();

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

  count(status: string): void {
    this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }
}
