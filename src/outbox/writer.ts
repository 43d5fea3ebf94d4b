// Writes new rows. Rows wait in memory for their commit: telemetry for the end of its group, other rows for the end of the running
// callback. Rows that could not be committed are tried again with the next rows.

import { crashPoint } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import { AgentError } from '../errors.ts';
import type { Lifetime } from '../state/index.ts';
import type { EventBody } from '../wire/index.ts';
import type { Capacity } from './capacity.ts';
import { Intake, stamped, type WaitingRow } from './intake.ts';
import type { Ledger } from './ledger.ts';
import type { Counters } from './metrics.ts';
import type { NewRow } from './rows.ts';
import type { Space } from './space.ts';
import type { Trouble } from './trouble.ts';

/** Acknowledgements ride on the next commit of rows, or on one of their own after this. */
const ACKS_WITHIN_MS = 500;

/** Delay before a failed commit is tried again. */
const RETRY_MS = 1_000;

export interface WriterParts {
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly ledger: Ledger;
  readonly counters: Counters;
  readonly capacity: Capacity;
  readonly space: Space;
  readonly trouble: Trouble;
  readonly groupMs: number;
  /** After each commit that added rows; none, when writing works again. */
  readonly onCommitted: (rows: readonly WaitingRow[]) => void;
}

export class Writer {
  readonly #parts: WriterParts;
  readonly #intake = new Intake(() => this.#commitDue());
  #closed = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /**
   * Takes a row. Telemetry is committed within the group time, all else at the end of the running callback.
   * @param within runs inside the row's own transaction; runs again if that transaction failed.
   */
  append(row: NewRow, within?: () => void): void {
    if (this.#closed) throw new AgentError('CLOSED', 'the outbox is closed');
    this.#intake.add(stamped(row, this.#parts.clock, within));
    crashPoint('row_taken');
    if (row.class !== 'telemetry') this.#intake.soon();
    else this.#intake.within(this.#parts.groupMs);
  }

  /** Rows that have no number yet. */
  get waiting(): readonly WaitingRow[] {
    return this.#intake.rows;
  }

  /** Readings and events that have no number yet. Results are not among them: the command journal answers for theirs. */
  get unwritten(): readonly WaitingRow[] {
    return this.waiting.filter(({ row }) => row.class !== 'result').map((waiting) => ({ ...waiting, within: undefined }));
  }

  /** Takes over what an outbox could not write any more, with its times. */
  adopt(rows: readonly WaitingRow[]): void {
    for (const row of rows) this.#intake.add(row);
    if (rows.length > 0) this.#intake.soon();
  }

  /**
   * Commits everything appended so far, and what was acknowledged since the last commit, in one transaction.
   * @throws SQLite's error; the rows stay in memory and are tried again with the next ones.
   */
  flush(): void {
    const { ledger, counters, clock, onCommitted } = this.#parts;
    this.#intake.begun();
    const { rows } = this.#intake;
    if (rows.length === 0 && !ledger.isDirty) return;
    ledger.commit(rows);
    this.#intake.committed(rows.length);
    counters.committed(rows);
    if (rows.length > 0) onCommitted(rows);
    if (!ledger.untrusted.isEmpty && clock.trusted() && !this.#closed) this.#declareClockSet();
  }

  /** As {@link flush}, but makes space first if the file or the disk is full. @throws SQLite's error if that does not help */
  flushMakingSpace(): void {
    this.#parts.capacity.commit(false, () => this.flush());
  }

  /** Schedules the commit of acknowledgements. */
  acknowledged(): void {
    this.#intake.within(Math.max(this.#parts.groupMs, ACKS_WITHIN_MS));
  }

  /** Reports an error of the database and schedules another try. @throws any other error */
  failed(error: unknown): void {
    this.#parts.trouble.report(error);
    this.#intake.within(RETRY_MS);
  }

  /** Commits what is left. Nothing is taken after it. */
  close(): void {
    this.#closed = true;
    this.flush();
  }

  #commitDue(): void {
    if (this.#closed) return;
    const { capacity, space, clock, trouble, counters, onCommitted } = this.#parts;
    try {
      this.#intake.begun();
      const onlyAlerts = this.#intake.rows.every(({ row }) => row.class === 'alert');
      capacity.commit(onlyAlerts, () => this.flush());
      space.refillBallast(clock.mono());
      if (trouble.recovered()) onCommitted([]);
    } catch (error) {
      this.failed(error);
      counters.dropped += this.#intake.shed();
    }
  }

  #declareClockSet(): void {
    const { clock, ledger, lifetime } = this.#parts;
    for (const { ranges, offsetMs } of ledger.untrusted.resolve(clock.wall(), clock.mono())) {
      const body: EventBody = { kind: 'clock_set', of: ledger.records.open.id, boot: lifetime.boot, ranges, offset_ms: offsetMs };
      this.append({ class: 'event', body });
    }
  }
}
