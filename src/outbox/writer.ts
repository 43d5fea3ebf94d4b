// Writes new rows. Telemetry is committed in groups, other rows at the end of the running callback. If a commit fails, its rows are tried
// again with the next rows. If the file or the disk is full, the oldest rows are evicted and the ballast is released.

import { codeOf, crashPoint } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { EventBody } from '../wire/index.ts';
import { makeSpace } from './eviction.ts';
import { Intake, stamped, type WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';
import type { NewRow } from './rows.ts';
import { isDiskFull, unlessFull } from './space.ts';

/** Acknowledgements are written with the next commit of rows, or in a commit of their own after this time. */
const ACKS_WITHIN_MS = 500;

/** Delay before a failed commit is tried again. */
const RETRY_MS = 1_000;

/** The number of attempts to make space for one commit. */
const EVICTION_ROUNDS = 8;

export class Writer {
  readonly #parts: Parts;
  readonly #intake = new Intake(() => this.#commitDue());
  #isClosed = false;
  #isFailing = false;
  /** Monotonic time at which the database began to refuse every write. A full disk does not count. */
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

  /** Rows that have no number yet. */
  get waiting(): readonly WaitingRow[] {
    return this.#intake.rows;
  }

  /** Adds rows that another outbox could not write. They keep their times. */
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

  /** Flushes, and makes space as long as that helps. Only alerts may use the last part of the file. @throws SQLite's error */
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
        // After a checkpoint SQLite writes the WAL from its beginning, over existing blocks: that needs no space on the disk.
        unlessFull(() => store.checkpoint());
      }
    }
  }

  /** Schedules the commit of acknowledgements. */
  acknowledged(): void {
    this.#intake.commitWithin(Math.max(this.#parts.groupMs, ACKS_WITHIN_MS));
  }

  /** Reports an error of the database and schedules another commit. @throws any other error */
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

  /** Commits the remaining rows. Accepts no row after it. */
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
