// Adds at most one result for each command id. The result's row and the journal entry are written in the same transaction. An id is treated
// as accepted from its admission on, even before its result is on disk. The outcome of a command without an id only goes to the log.
import type { Logger } from 'pino';
import { crashPoint } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { CommandJournal, Outbox, Outcome } from '../outbox/index.ts';
import type { ResultBody } from '../wire/index.ts';

/** At most this many refusals are written per tick. The others wait, so that a flood of refusals cannot delay an alert. */
const REFUSALS_PER_TICK = 20;
const TICK_MS = 100;

/** At most this many refusals may wait, about 10 MB. Otherwise a flood would use up memory, and outbox space that readings need. */
const MAX_WAITING = 20_000;

/** At most this many outcomes of commands without an id are logged per tick, in one transaction. Later ones are only counted. */
const LOGGED_PER_TICK = 100;

type Result = Omit<ResultBody, 'kind' | 'id'>;

export class Results {
  readonly #outbox: Outbox;
  readonly #journal: CommandJournal;
  readonly #clock: Clock;
  readonly #counts: Record<string, number> = {};
  /** Ids that have been accepted but whose result is not in the journal yet. */
  readonly #open = new Set<string>();
  readonly #waiting: (readonly [id: string | undefined, result: Result])[] = [];
  readonly #log: Logger;
  /** Outcomes of commands without an id that the next tick logs. */
  readonly #unlogged: Outcome[] = [];
  #refusalsLeft = REFUSALS_PER_TICK;
  #timer: NodeJS.Timeout | undefined;

  constructor(outbox: Outbox, journal: CommandJournal, clock: Clock, log: Logger) {
    this.#outbox = outbox;
    this.#journal = journal;
    this.#clock = clock;
    this.#log = log;
  }

  /** Number of results since startup, by status. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  /** @throws SQLite's error if the journal is unreadable. */
  isAccepted(id: string): boolean {
    return this.#open.has(id) || this.#journal.find(id) !== undefined;
  }

  accept(id: string | undefined): void {
    if (id !== undefined) this.#open.add(id);
  }

  /** Records the start durably. After this, the command must never run again. @throws SQLite's error */
  begin(id: string | undefined, name: string): void {
    crashPoint('command_before_record');
    if (id !== undefined) this.#journal.begin(id, name, this.#clock.wall());
    crashPoint('command_recorded');
  }

  add(id: string | undefined, result: Result): void {
    this.count(result.status);
    const bounded = { ...result, ...(result.detail ? { detail: result.detail.slice(0, 500) } : {}) };
    if (id === undefined) {
      if (this.#unlogged.length < LOGGED_PER_TICK) this.#unlogged.push({ ...bounded, at: this.#clock.wall() });
      this.#tickSoon();
      return;
    }
    const body: ResultBody = { kind: 'result', id, ...bounded };
    this.#open.add(id);
    this.#outbox.append({ class: 'result', body }, () => {
      this.#journal.begin(id, result.command ?? '', this.#clock.wall());
      this.#journal.end(id, body);
      crashPoint('command_answer_in_transaction');
      this.#open.delete(id);
    });
    crashPoint('command_answered');
  }

  /** Adds a refused command's result, now or in a later tick. @returns whether it was added now. */
  refuse(id: string | undefined, result: Result): boolean {
    this.#tickSoon();
    if (this.#refusalsLeft > 0) {
      this.#refusalsLeft--;
      this.add(id, result);
      return true;
    }
    if (this.#waiting.length < MAX_WAITING) {
      this.accept(id);
      this.#waiting.push([id, result]);
    } else this.count('unanswered');
    return false;
  }

  /** Adds all waiting results. Must be called before the outbox is closed. */
  finish(): void {
    for (const [id, result] of this.#waiting.splice(0)) this.add(id, result);
    clearTimeout(this.#timer);
    this.#writeLog();
  }

  count(status: string): void {
    this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }

  #tick(): void {
    this.#timer = undefined;
    const refusals = this.#waiting.splice(0, REFUSALS_PER_TICK);
    this.#refusalsLeft = REFUSALS_PER_TICK - refusals.length;
    for (const [id, result] of refusals) this.add(id, result);
    this.#writeLog();
    if (this.#waiting.length > 0) this.#tickSoon();
  }

  #tickSoon(): void {
    this.#timer ??= setTimeout(() => this.#tick(), TICK_MS).unref();
  }

  /** A failure only costs entries for a person at the robot. Whether the disk works is the outbox's concern. */
  #writeLog(): void {
    const outcomes = this.#unlogged.splice(0);
    if (outcomes.length === 0) return;
    try {
      this.#journal.log.write(outcomes);
    } catch (error) {
      this.#log.warn({ event: 'command_log_unwritten', err: error }, `${outcomes.length} commands without an id are missing in the log`);
    }
  }
}
