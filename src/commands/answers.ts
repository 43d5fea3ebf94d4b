// Exactly one answer for each id: the result's row and the journal's entry are one transaction, and an id counts as taken from
// its admission on, also while its answer is not on disk yet.

import { crashPoint } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { CommandJournal, Outbox } from '../outbox/index.ts';
import type { ResultBody } from '../wire/index.ts';

/** Answers to refused commands that may leave in one turn of the ticker; the rest waits, so that a flood of them delays no alert. */
const REFUSALS_A_TURN = 20;
const TURN_MS = 100;

/** So many refusals wait for their answer, in about 10 MB; without an end a flood would take memory, and the outbox from readings. */
const MOST_WAITING = 20_000;

type Answer = Omit<ResultBody, 'kind' | 'id'>;

export class Answers {
  readonly #outbox: Outbox;
  readonly #journal: CommandJournal;
  readonly #clock: Clock;
  readonly #counts: Record<string, number> = {};
  /** Taken, but the journal does not have the answer yet. */
  readonly #open = new Set<string>();
  #waiting: (readonly [id: string | undefined, result: Answer])[] = [];
  #refusalsLeft = REFUSALS_A_TURN;
  #turn: NodeJS.Timeout | undefined;

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

  give(id: string | undefined, result: Answer): void {
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

  /** The answer to what did not run: at once, or in its turn. @returns false where it was not at once. */
  refuse(id: string | undefined, result: Answer): boolean {
    this.#turn ??= setTimeout(() => this.#nextTurn(), TURN_MS).unref();
    if (this.#refusalsLeft > 0) {
      this.#refusalsLeft--;
      this.give(id, result);
      return true;
    }
    if (this.#waiting.length < MOST_WAITING) {
      this.take(id);
      this.#waiting.push([id, result]);
    } else this.count('unanswered');
    return false;
  }

  /** Answers everything that waits, before the outbox is closed. */
  finish(): void {
    clearTimeout(this.#turn);
    for (const [id, result] of this.#waiting.splice(0)) this.give(id, result);
  }

  count(status: string): void {
    this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }

  #nextTurn(): void {
    this.#turn = undefined;
    const now = this.#waiting.slice(0, REFUSALS_A_TURN);
    this.#waiting = this.#waiting.slice(REFUSALS_A_TURN);
    this.#refusalsLeft = REFUSALS_A_TURN - now.length;
    for (const [id, result] of now) this.give(id, result);
    if (this.#waiting.length > 0) this.#turn = setTimeout(() => this.#nextTurn(), TURN_MS).unref();
  }
}
