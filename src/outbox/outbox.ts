// The one queue through which everything leaves the robot. README.md in this folder states its guarantees; open.ts opens it.
import { type ReadingExtra, type Receipt, rangesOf } from '../wire/index.ts';
import { applyReceipt } from './applyReceipt.ts';
import { unlessFull } from './capacity.ts';
import type { Claim, ClaimLimits } from './claims.ts';
import type { WaitingRow } from './intake.ts';
import type { LatestValues } from './latest.ts';
import { maintain } from './maintenance.ts';
import type { RowCounts } from './metrics.ts';
import type { Parts } from './parts.ts';
import { classNumber, type NewRow, type RowClass } from './rows.ts';

export type ReceiptOutcome = 'applied' | 'unknown_outbox' | 'beyond_accepted';

export class Outbox {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The id of this opening. */
  get id(): string {
    return this.#parts.ledger.records.open.id;
  }

  /** `wake` is called after each commit that added rows, and when rows have to be sent again. It carries no data. */
  wakeOn(wake: () => void): void {
    this.#parts.commits.wake = wake;
  }

  /**
   * Takes a row. Telemetry is committed within the group time, other rows at the end of the running callback.
   * @param within runs inside the row's own transaction; runs again if that transaction failed.
   */
  append(row: NewRow, within?: () => void): void {
    this.#parts.writer.append(row, within);
  }

  /**
   * Commits everything appended so far, and the acknowledgements since the last commit, in one transaction.
   * @throws SQLite's error; the rows stay in memory and are tried again with the next rows.
   */
  flush(): void {
    this.#parts.writer.flush();
  }

  /** Readings and events that have no number yet. Results are not among them: the command journal keeps those. */
  get unwritten(): readonly WaitingRow[] {
    return this.#parts.writer.unwritten;
  }

  /**
   * The next rows of a class that are neither in flight nor acknowledged, oldest first. They count as in flight from now on.
   * @returns undefined also if the database cannot be read now; that is reported and tried again.
   */
  claim(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const { ledger, writer } = this.#parts;
    try {
      return ledger.claims.next(rowClass, limits);
    } catch (error) {
      writer.failed(error);
      return undefined;
    }
  }

  /** Whether a row of this class is neither in flight nor acknowledged. */
  hasFree(rowClass: RowClass): boolean {
    const claim = this.claim(rowClass, { maxRows: 1, maxBytes: 1 });
    if (claim) this.failed(claim);
    return claim !== undefined;
  }

  /** Whether a row of this class was given to the link and is not acknowledged yet. */
  isInFlight(rowClass: RowClass): boolean {
    return this.#parts.ledger.lanes.isInFlight(classNumber(rowClass));
  }

  /** The broker acknowledged a claim. Written with the next commit: a crash before that costs a second delivery. */
  published(claim: Claim): void {
    const { ledger, counters, writer, ranMs } = this.#parts;
    ledger.published(claim, ranMs());
    const times = claim.class === 'alert' ? claim.rows.map(({ at }) => at) : [];
    counters.alertsReached('puback', times);
    writer.acknowledged();
  }

  /** A claim was not acknowledged: its rows are free again. */
  failed(claim: Claim): void {
    this.#parts.ledger.free(claim);
  }

  /** The broker will never take the rows of a claim: they are evicted as poison, and declared. */
  refused(claim: Claim): void {
    const { ledger, evictor, writer } = this.#parts;
    ledger.free(claim);
    const record = ledger.records.at(claim.ordinal);
    if (!record) return;
    try {
      evictor.evict(record, rangesOf(claim.rows.map(({ seq }) => seq)), 'poison');
    } catch (error) {
      writer.failed(error);
    }
  }

  /** Applies one page of a receipt, durably, before it returns. @throws SQLite's error; then nothing is applied. */
  receive(receipt: Receipt): ReceiptOutcome {
    const { ledger, writer, commits, onCommitted } = this.#parts;
    const record = ledger.records.named(receipt.outbox);
    if (!record) return 'unknown_outbox';
    try {
      // A file full of alerts takes no row, and only the rows that a receipt removes make space: so the receipt is applied in any case.
      unlessFull(() => writer.flush());
      const applied = applyReceipt(this.#parts, record, receipt);
      if (!applied) return 'beyond_accepted';
      if (applied.declarations.length > 0) onCommitted(applied.declarations);
      else if (applied.resends) commits.wake();
      return 'applied';
    } catch (error) {
      writer.failed(error);
      throw error;
    }
  }

  /** How many rows this outbox has ever assigned a number. */
  get accepted(): number {
    return this.#parts.ledger.records.open.accepted;
  }

  /** Rows neither covered by a receipt nor evicted, over all outboxes of the file. */
  get unconfirmed(): number {
    return this.#parts.ledger.records.unconfirmed;
  }

  get counts(): RowCounts {
    return this.#parts.counters;
  }

  /** For how long the database has refused every write, in milliseconds, a full disk apart; undefined while it takes them. */
  get failingForMs(): number | undefined {
    return this.#parts.trouble.failingForMs;
  }

  /** Rows held, by class: pending, and acknowledged but not yet confirmed. */
  depth(): Record<RowClass, number> {
    return this.#parts.store.tally();
  }

  /** Wall time of the oldest held row of each class, as the clock was then; null if no row is held. */
  oldestAt(): Record<RowClass, number | null> {
    return this.#parts.store.oldestAt();
  }

  /** The latest committed value of each channel. */
  latest(): LatestValues {
    const { stateSeq, values } = this.#parts.latest;
    return { stateSeq, values };
  }

  /** The last alert of each channel, written or not, delivered or not: whether it stands. */
  lastAlerts(): Map<string, ReadingExtra> {
    const { store, writer } = this.#parts;
    const last = store.lastAlerts();
    for (const { row } of writer.waiting) if (row.class === 'alert') last.set(row.channel, row.extra ?? {});
    return last;
  }

  /** The outboxes that a presence names: open, or still held, or not fully covered, or without a receipt since this start. */
  answeredFor(): [id: string, accepted: number][] {
    return this.#parts.ledger.records.answeredFor();
  }

  /** How long the oldest acknowledged row, or an earlier outbox, has waited for a receipt, in milliseconds of running time. */
  oldestUncoveredMs(): number | undefined {
    const { ledger, clock, ranMs } = this.#parts;
    const oldest = ledger.lanes.oldestRanMs();
    if (oldest !== undefined) return ranMs() - oldest;
    return ledger.records.awaitsReceipt ? clock.mono() : undefined;
  }

  /** To be called once a minute. @param maxAgeMs age limit of a row, by its wall time. @throws SQLite's error */
  maintain(maxAgeMs: number): void {
    maintain(this.#parts, maxAgeMs);
  }

  /** Commits the remaining rows and stops the timers. The caller closes the database. */
  close(): void {
    this.#parts.writer.close();
  }
}
