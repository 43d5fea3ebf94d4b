// Adds at most one result for each command id. The result's row and the journal entry are written in the same transaction. An id is treated
// as accepted from its admission on, even before its result is on disk. The outcome of a command without an id only goes to the log. A flood
// of refusals fills neither the outbox nor the journal: it gets fewer results, and its ids are only remembered in memory.
import type { Logger } from 'pino';
import { crashPoint, safeText } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { CommandJournal, Outbox, Outcome } from '../outbox/index.ts';
import type { ResultBody } from '../wire/index.ts';

/** At most this many refusals are written per tick. The others wait, so that a flood of refusals cannot delay an alert. */
const REFUSALS_PER_TICK = 20;
const TICK_MS = 100;

/** At most this many refusals may wait, about 10 MB. Otherwise a flood would use up memory, and outbox space that readings need. */
const MAX_WAITING = 20_000;

/** While the outbox holds this many results, refusals are only counted. */
const HELD_RESULTS = 1_000;

/** This many ids of refusals (about 1 MB) are remembered in memory while the journal has no space for them. */
const UNRECORDED = 10_000;

/** An applied value with a longer text is left out of a result, because an argument may be long and a result is kept twice. */
const APPLIED_CHARACTERS = 2_000;
const DETAIL_CHARACTERS = 500;

/** How long the flood is reported after the last command that was too many. */
const FLOODED_MS = 60_000;

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
  readonly #onFlood: (text: string | undefined) => void;
  #flood: NodeJS.Timeout | undefined;
  /** Ids of refusals that are not in the journal, the oldest first. */
  readonly #unrecorded = new Set<string>();
  /** Outcomes of commands without an id that the next tick logs. */
  readonly #unlogged: Outcome[] = [];
  #refusalsLeft = REFUSALS_PER_TICK;
  #timer: NodeJS.Timeout | undefined;

  /** @param onFlood called with a text for each command that is too many, and with undefined a minute after the last one. */
  constructor(outbox: Outbox, journal: CommandJournal, clock: Clock, log: Logger, onFlood: (text: string | undefined) => void = () => {}) {
    this.#onFlood = onFlood;
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
    return this.#open.has(id) || this.#unrecorded.has(id) || this.#journal.find(id) !== undefined;
  }

  accept(id: string | undefined): void {
    if (id !== undefined) this.#open.add(id);
  }

  /** Records the start durably. After this, the command must never run again. @throws SQLite's error */
  begin(id: string | undefined, name: string, validMs: number | undefined): void {
    crashPoint('command_before_record');
    if (id !== undefined) this.#journal.begin(id, name, this.#clock.wall(), validMs);
    crashPoint('command_recorded');
  }

  /** @param validMs milliseconds until the command expires; undefined if unknown. */
  add(id: string | undefined, result: Result, validMs?: number): void {
    this.count(result.status);
    const bounded = boundedResult(result);
    if (id === undefined) {
      if (this.#unlogged.length < LOGGED_PER_TICK) this.#unlogged.push({ ...bounded, at: this.#clock.wall() });
      this.#tickSoon();
      return;
    }
    const body: ResultBody = { kind: 'result', id, ...bounded };
    this.#open.add(id);
    this.#outbox.append({ class: 'result', body }, () => {
      this.#journal.begin(id, result.command ?? '', this.#clock.wall(), validMs);
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
      return this.#addRefusal(id, result);
    }
    if (this.#waiting.length < MAX_WAITING) {
      this.accept(id);
      this.#waiting.push([id, result]);
    } else this.#leaveUnanswered();
    return false;
  }

  /** @returns why no further command may run, because its id would not fit into the journal. @throws SQLite's error */
  journalFull(): string | undefined {
    const full = this.#journal.full();
    if (full !== undefined) this.#flooded(`commands are refused: ${full}`);
    return full;
  }

  /** @returns for how long of running time every command that ran is known; undefined if always. */
  completeForMs(): number | undefined {
    return this.#journal.completeForMs();
  }

  /** @returns whether the refusal has a result. */
  #addRefusal(id: string | undefined, result: Result): boolean {
    const place = id === undefined ? 'journal' : this.#placeForRefusal();
    if (place === 'journal') this.add(id, result);
    if (id === undefined || place === 'journal') return true;
    this.#open.delete(id);
    this.#unrecorded.add(id);
    const [oldest] = this.#unrecorded;
    if (this.#unrecorded.size > UNRECORDED && oldest !== undefined) this.#unrecorded.delete(oldest);
    if (place === 'none') {
      this.#leaveUnanswered();
      return false;
    }
    this.count(result.status);
    this.#outbox.append({ class: 'result', body: { kind: 'result', id, ...boundedResult(result) } });
    return true;
  }

  /** @returns the place in which a refusal fits: the journal with the outbox, the outbox only, or none, as in an unreadable database. */
  #placeForRefusal(): 'journal' | 'outbox' | 'none' {
    try {
      if (this.#outbox.depth().result + this.#open.size >= HELD_RESULTS) return 'none';
      return this.#journal.hasSpaceForRefused() ? 'journal' : 'outbox';
    } catch {
      return 'none';
    }
  }

  #leaveUnanswered(): void {
    this.count('unanswered');
    this.#flooded(`${this.#counts.unanswered} refused commands have no result, because too many results wait for the cloud`);
  }

  #flooded(text: string): void {
    this.#onFlood(text);
    clearTimeout(this.#flood);
    this.#flood = setTimeout(() => this.#onFlood(undefined), FLOODED_MS).unref();
  }

  /** Adds all waiting results. Must be called before the outbox is closed. */
  finish(): void {
    for (const [id, result] of this.#waiting.splice(0)) this.#addRefusal(id, result);
    clearTimeout(this.#timer);
    clearTimeout(this.#flood);
    this.#writeLog();
  }

  count(status: string): void {
    this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }

  #tick(): void {
    this.#timer = undefined;
    const refusals = this.#waiting.splice(0, REFUSALS_PER_TICK);
    this.#refusalsLeft = REFUSALS_PER_TICK - refusals.length;
    for (const [id, result] of refusals) this.#addRefusal(id, result);
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

function boundedResult(result: Result): Result {
  const { applied, detail, ...rest } = result;
  const isLong = applied !== undefined && (JSON.stringify(applied)?.length ?? 0) > APPLIED_CHARACTERS;
  const text = [detail, isLong ? 'the applied value is too long for a result' : undefined].filter(Boolean).join('; ');
  return {
    ...rest,
    ...(text === '' ? {} : { detail: safeText(text, DETAIL_CHARACTERS) }),
    ...(applied === undefined || isLong ? {} : { applied }),
  };
}
