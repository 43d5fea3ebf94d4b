// Writes new rows. Telemetry is committed in groups, other rows in a microtask after the current callback. If a commit fails, its alerts are
// committed alone, then each class by itself; the remaining rows are retried with the next commit. If the file or the disk is full, the
// writer evicts the oldest rows. Only alerts may use the file's reserve and the ballast.

import { codeOf, crashPoint } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { EventBody } from '../wire/index.ts';
import { makeSpace } from './eviction.ts';
import { Intake, restamped, stamped, type WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';
import { type NewRow, ROW_CLASSES, type RowClass } from './rows.ts';
import { isDiskFull, type PageUse, unlessFull } from './space.ts';

/** If no rows are committed for this long, acknowledgements get a commit of their own. */
const ACKS_WITHIN_MS = 500;

/** Delay before a failed commit is retried. */
const RETRY_MS = 1_000;

/** How many times to make space for a single commit before it fails. */
const EVICTION_ROUNDS = 8;

/** Commits that fail. */
export interface Trouble {
  /** For how long no commit has worked, in milliseconds. */
  readonly forMs: number;
  /** The code of the last error. */
  readonly code: string | undefined;
  /** Whether an alert waits in memory for its commit. */
  readonly alertWaits: boolean;
}

export class Writer {
  readonly #parts: Parts;
  readonly #intake = new Intake(() => this.#commitDue());
  #isClosed = false;
  #isFailing = false;
  /** Monotonic time since which every commit has failed. Undefined if commits succeed, or fail only because the disk is full. */
  #failingSinceMs: number | undefined;
  /** The same for whatever reason, and the code of the last error. */
  #stuck: { readonly sinceMs: number; readonly code: string | undefined } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** See {@link Outbox.append}. */
  append(row: NewRow, within?: () => void): void {
    if (this.#isClosed) throw new AgentError('CLOSED', 'the outbox is closed');
    this.#intake.add(stamped(row, this.#parts.clock, this.#parts.isVolatile, within));
    crashPoint('row_taken');
    if (row.class !== 'telemetry') this.#intake.commitSoon();
    else this.#intake.commitWithin(this.#parts.groupMs);
  }

  /** Rows that are not committed yet, and so have no number. */
  get waiting(): readonly WaitingRow[] {
    return this.#intake.rows;
  }

  /** Adds rows that this process's previous outbox could not write. They keep their original times. */
  adopt(rows: readonly WaitingRow[]): void {
    for (const row of rows) this.#intake.add(restamped(row, this.#parts.isVolatile));
    if (rows.length > 0) this.#intake.commitSoon();
  }

  /** Commits all waiting rows in one transaction and makes no space for them. @throws SQLite's error */
  flush(): void {
    this.#intake.cancel();
    this.#commit(this.waiting, 'any');
  }

  /** Commits the declarations of an opening, at any price: without them the agent could not start. @throws SQLite's error */
  flushDeclarations(): void {
    this.#intake.cancel();
    this.#commitMakingSpace(ROW_CLASSES, 'alert');
  }

  /**
   * Commits all waiting rows, and makes space if needed. If they cannot be committed together, commits each class by itself, alerts first.
   * @throws the first error, once each class has been tried. Rows that were not committed keep waiting.
   */
  flushMakingSpace(): void {
    this.#intake.cancel();
    const classes = ROW_CLASSES.filter((name) => this.waiting.some(({ row }) => row.class === name));
    try {
      this.#commitMakingSpace(classes);
    } catch (error) {
      if (classes.length < 2) throw error;
      let first: unknown;
      for (const name of classes) {
        try {
          this.#commitMakingSpace([name]);
        } catch (failure) {
          first ??= failure;
        }
      }
      if (first !== undefined) throw first;
    }
  }

  /**
   * @param classes the classes of the rows to commit, the most urgent first.
   * @param as the class that decides which space they may use: that of the least urgent row.
   */
  #commitMakingSpace(classes: readonly RowClass[], as = classes.at(-1) ?? 'telemetry'): void {
    const { store, space } = this.#parts;
    const areAlerts = as === 'alert';
    if (!areAlerts && classes.length > 0 && space.isNearlyFull()) makeSpace(this.#parts, as);
    for (let tries = 0; ; tries++) {
      try {
        const rows = this.waiting.filter(({ row }) => classes.includes(row.class));
        if (areAlerts) space.withPages('alerts', () => this.#commit(rows, 'alerts'));
        else this.#commit(rows, 'any');
        return;
      } catch (error) {
        if (!isDiskFull(error) || tries >= EVICTION_ROUNDS) throw error;
        const helped = tries === 0 || (areAlerts && space.releaseBallast()) || makeSpace(this.#parts, as);
        if (!helped) throw error;
        // After a checkpoint, SQLite overwrites the WAL from its beginning, which needs no new blocks on the disk.
        unlessFull(() => store.checkpoint());
      }
    }
  }

  #commit(rows: readonly WaitingRow[], use: PageUse): void {
    const { ledger, counters, clock, commits, space } = this.#parts;
    if (rows.length === 0 && !ledger.isDirty) return;
    ledger.commit(rows, undefined, () => {
      if (rows.length > 0) space.requireWithin(use);
    });
    this.#intake.removeCommitted(rows);
    counters.committed(rows);
    if (rows.length > 0) commits.added(rows);
    if (!ledger.untrusted.isEmpty && clock.trusted() && !this.#isClosed) this.#declareClockSet();
  }

  /** Schedules the commit of acknowledgements. */
  acknowledged(): void {
    this.#intake.commitWithin(Math.max(this.#parts.groupMs, ACKS_WITHIN_MS));
  }

  /** Reports a database error and schedules another commit. Rethrows any other error. */
  failed(error: unknown): void {
    if (!(error instanceof Error) || !(codeOf(error)?.startsWith('SQLITE_') || isDiskFull(error) || this.#isRefusedByClosed(error)))
      throw error;
    this.#isFailing = true;
    this.#failingSinceMs = isDiskFull(error) ? undefined : (this.#failingSinceMs ?? this.#parts.clock.mono());
    this.#stuck = { sinceMs: this.#stuck?.sinceMs ?? this.#parts.clock.mono(), code: codeOf(error) };
    this.#parts.onTrouble(error);
    this.#intake.commitWithin(RETRY_MS);
  }

  /** See {@link Outbox.failingForMs}. */
  get failingForMs(): number | undefined {
    return this.#failingSinceMs === undefined ? undefined : this.#parts.clock.mono() - this.#failingSinceMs;
  }

  /** Whether better-sqlite3 refused a call because its database is closed, as in a stop of which another step failed. */
  #isRefusedByClosed(error: Error): boolean {
    return error instanceof TypeError && !this.#parts.store.isOpen;
  }

  /** See {@link Outbox.trouble}. */
  get trouble(): Trouble | undefined {
    if (!this.#stuck) return undefined;
    const { sinceMs, code } = this.#stuck;
    const alertWaits = this.waiting.some(({ row }) => row.class === 'alert');
    return { forMs: this.#parts.clock.mono() - sinceMs, code, alertWaits };
  }

  /** Commits the remaining rows. Afterwards, {@link append} throws. */
  close(): void {
    this.#isClosed = true;
    this.flushMakingSpace();
  }

  #commitDue(): void {
    if (this.#isClosed) return;
    const { space, clock, counters, commits, onTrouble } = this.#parts;
    try {
      this.flushMakingSpace();
      space.refillBallast(clock.mono());
      if (!this.#isFailing) return;
      this.#isFailing = false;
      this.#failingSinceMs = undefined;
      this.#stuck = undefined;
      onTrouble(undefined);
      commits.added([]);
    } catch (error) {
      this.failed(error);
      counters.dropped += this.#intake.dropExcess();
    }
  }

  #declareClockSet(): void {
    const { clock, ledger, lifetime } = this.#parts;
    for (const { ranges, correctionMs } of ledger.untrusted.resolve(clock.wall(), clock.mono())) {
      const body: EventBody = { kind: 'clock_set', of: ledger.outboxes.open.id, boot: lifetime.boot, ranges, offset_ms: correctionMs };
      this.append({ class: 'event', body });
    }
  }
}
