// Writes new rows. Telemetry is committed in groups, other rows in a microtask after the current callback. If a commit fails, its rows are
// retried with the next one. If the file or the disk is full, the writer releases the ballast and evicts the oldest rows.

import { codeOf, crashPoint } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { EventBody } from '../wire/index.ts';
import { makeSpace } from './eviction.ts';
import { Intake, stamped, type WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';
import type { NewRow } from './rows.ts';
import { isDiskFull, unlessFull } from './space.ts';

/** If no rows are committed for this long, acknowledgements get a commit of their own. */
const ACKS_WITHIN_MS = 500;

/** Delay before a failed commit is retried. */
const RETRY_MS = 1_000;

/** How many times to make space for a single commit before it fails. */
const EVICTION_ROUNDS = 8;

export class Writer {
  readonly #parts: Parts;
  readonly #intake = new Intake(() => this.#commitDue());
  #isClosed = false;
  #isFailing = false;
  /** Monotonic time since which every commit has failed. Undefined if commits succeed, or fail only because the disk is full. */
  #failingSinceMs: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** See {@link Outbox.append}. */
  append(row: NewRow, within?: () => void): void {
    if (this.#isClosed) throw new AgentError('CLOSED', 'the outbox is closed');
    this.#intake.add(stamped(row, this.#parts.clock, within));
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
    for (const row of rows) this.#intake.add(row);
    if (rows.length > 0) this.#intake.commitSoon();
  }

  /** See {@link Outbox.flush}. */
  flush(): void {
    const { ledger, counters, clock, commits } = this.#parts;
    this.#intake.cancel();
    const { rows } = this.#intake;
    if (rows.length === 0 && !ledger.isDirty) return;
    ledger.commit(rows);
    this.#intake.removeCommitted(rows.length);
    counters.committed(rows);
    if (rows.length > 0) commits.added(rows);
    if (!ledger.untrusted.isEmpty && clock.trusted() && !this.#isClosed) this.#declareClockSet();
  }

  /** Flushes, making space if needed. @param onlyAlerts whether all rows are alerts, which may use the reserve. @throws SQLite's error */
  flushMakingSpace(onlyAlerts = false): void {
    const { store, space } = this.#parts;
    if (!onlyAlerts && space.isNearlyFull()) makeSpace(this.#parts);
    for (let tries = 0; ; tries++) {
      try {
        this.flush();
        return;
      } catch (error) {
        if (!isDiskFull(error) || tries >= EVICTION_ROUNDS) throw error;
        const helped = tries === 0 || space.releaseBallast() || makeSpace(this.#parts);
        if (!helped) throw error;
        // After a checkpoint, SQLite overwrites the WAL from its beginning, which needs no new blocks on the disk.
        unlessFull(() => store.checkpoint());
      }
    }
  }

  /** Schedules the commit of acknowledgements. */
  acknowledged(): void {
    this.#intake.commitWithin(Math.max(this.#parts.groupMs, ACKS_WITHIN_MS));
  }

  /** Reports a database error and schedules another commit. Rethrows any other error. */
  failed(error: unknown): void {
    if (!(error instanceof Error) || !(codeOf(error)?.startsWith('SQLITE_') || isDiskFull(error))) throw error;
    this.#isFailing = true;
    this.#failingSinceMs = isDiskFull(error) ? undefined : (this.#failingSinceMs ?? this.#parts.clock.mono());
    this.#parts.onTrouble(error);
    this.#intake.commitWithin(RETRY_MS);
  }

  /** See {@link Outbox.failingForMs}. */
  get failingForMs(): number | undefined {
    return this.#failingSinceMs === undefined ? undefined : this.#parts.clock.mono() - this.#failingSinceMs;
  }

  /** Commits the remaining rows. Afterwards, {@link append} throws. */
  close(): void {
    this.#isClosed = true;
    this.flush();
  }

  #commitDue(): void {
    if (this.#isClosed) return;
    const { space, clock, counters, commits, onTrouble } = this.#parts;
    try {
      this.#intake.cancel();
      this.flushMakingSpace(this.waiting.every(({ row }) => row.class === 'alert'));
      space.refillBallast(clock.mono());
      if (!this.#isFailing) return;
      this.#isFailing = false;
      this.#failingSinceMs = undefined;
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
