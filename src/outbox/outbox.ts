// The queue through which all data leaves the robot. See README.md in this directory for its guarantees.
import { crashPoint } from '../base/index.ts';
import { type ReadingExtra, type Receipt, rangesOf } from '../wire/index.ts';
import { type AlertRow, alertRowsAfter, isDelivered, type RowName, waitingAlerts } from './alertRows.ts';
import type { Claim, ClaimLimits } from './claims.ts';
import { evict } from './eviction.ts';
import type { WaitingRow } from './intake.ts';
import type { RowCounts } from './metrics.ts';
import type { LatestValues, Parts } from './parts.ts';
import { type ReceiptOutcome, Receiving } from './receiving.ts';
import { classNumber, isDeclaration, type NewRow, type RowClass } from './rows.ts';
import type { Trouble, Writer } from './writer.ts';

/**
 * How long acknowledged rows are kept if no receipt has ever arrived, in running time. The cloud may not send receipts at all
 * (docs/reference/protocol.md, Receipts).
 */
const REMOVE_ACKNOWLEDGED_AFTER_MS = 24 * 3_600_000;

/** How long delivered alerts stay readable on the robot, in running time. A channel's latest alert is kept for as long as it is raised. */
const KEEP_ALERTS_MS = 7 * 24 * 3_600_000;

export class Outbox {
  readonly #parts: Parts;
  readonly #writer: Writer;
  readonly #receiving: Receiving;
  #isCurrent: (channel: string) => boolean = () => true;

  constructor(parts: Parts, writer: Writer) {
    this.#parts = parts;
    this.#writer = writer;
    this.#receiving = new Receiving(parts, writer);
  }

  /** The id of the open outbox. */
  get id(): string {
    return this.#parts.ledger.outboxes.open.id;
  }

  /** Sets the function to call after each commit that adds rows, and when rows must be sent again. */
  wakeOn(wake: () => void): void {
    this.#parts.commits.wake = wake;
  }

  /**
   * Accepts a row. Telemetry is committed within `groupMs`, other rows in a microtask after the current callback.
   * @param within runs in the transaction that inserts the row, so it runs again if that transaction fails and is retried.
   */
  append(row: NewRow, within?: () => void): void {
    this.#writer.append(row, within);
  }

  /**
   * Commits all waiting rows and acknowledgements, alerts first if they do not fit into one transaction.
   * @throws SQLite's error. The rows stay in memory and are retried with the next commit.
   */
  flush(): void {
    this.#writer.flushMakingSpace();
  }

  /** Readings and events that are not committed yet. Results are omitted, because the command journal keeps them. */
  get unwritten(): readonly WaitingRow[] {
    return this.#writer.waiting.filter(({ row }) => row.class !== 'result').map((waiting) => ({ ...waiting, within: undefined }));
  }

  /**
   * Claims a class's oldest free rows and marks them as in flight. A row is free if it is neither in flight nor acknowledged.
   * @returns undefined if there is no free row, or if the database cannot be read. Such an error is reported through `onTrouble`.
   */
  claim(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const claim = this.#next(rowClass, limits);
    if (claim) this.#receiving.sent(claim);
    return claim;
  }

  /** Whether the class has a row to send: one that is neither in flight nor acknowledged. */
  hasFree(rowClass: RowClass): boolean {
    const claim = this.#next(rowClass, { maxRows: 1, maxBytes: 1 });
    if (claim) this.failed(claim);
    return claim !== undefined;
  }

  #next(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    try {
      return this.#parts.ledger.claims.next(rowClass, limits);
    } catch (error) {
      this.#writer.failed(error);
      return undefined;
    }
  }

  isInFlight(rowClass: RowClass): boolean {
    return this.#parts.ledger.publications.isInFlight(classNumber(rowClass));
  }

  /** Records a claim's PUBACK in memory. If the agent crashes before the next commit has written it, the rows are sent again. */
  published(claim: Claim): void {
    const { ledger, counters, ranMs } = this.#parts;
    ledger.published(claim, ranMs());
    if (claim.class === 'alert') {
      counters.alertsReached(
        'puback',
        claim.rows.map(({ at }) => at),
      );
    }
    this.#writer.acknowledged();
    this.#receiving.acknowledged(claim);
  }

  /** Frees a claim's rows, because they were not acknowledged. */
  failed(claim: Claim): void {
    this.#parts.ledger.free(claim);
  }

  /** Evicts a claim's rows and declares them as poison, because the broker will never accept them. Declarations are kept. */
  refused(claim: Claim): void {
    const { ledger } = this.#parts;
    ledger.free(claim);
    const record = ledger.outboxes.byOrdinal(claim.ordinal);
    if (!record || claim.rows.some(isDeclaration)) return;
    try {
      evict(this.#parts, record, rangesOf(claim.rows.map(({ seq }) => seq)), 'poison');
    } catch (error) {
      this.#writer.failed(error);
    }
  }

  /** Applies one page of a receipt, durably and atomically. @throws SQLite's error */
  receive(receipt: Receipt): ReceiptOutcome {
    return this.#receiving.receive(receipt);
  }

  /** How many held alerts a receipt has covered that the broker has not acknowledged since. They are sent again. */
  get doubted(): number {
    return this.#receiving.doubted;
  }

  /** The highest row number of the open outbox. */
  get accepted(): number {
    return this.#parts.ledger.outboxes.open.accepted;
  }

  /** How many rows are neither covered by a receipt nor evicted, in all outboxes of the file. */
  get unconfirmed(): number {
    return this.#parts.ledger.outboxes.unconfirmed;
  }

  get counts(): RowCounts {
    return this.#parts.counters;
  }

  /**
   * How long commits have been failing without a success, in milliseconds. Undefined if they succeed, or fail only because the disk is
   * full.
   */
  get failingForMs(): number | undefined {
    return this.#writer.failingForMs;
  }

  /** The commits that fail for whatever reason; undefined if the last one worked. */
  get trouble(): Trouble | undefined {
    return this.#writer.trouble;
  }

  /** How many rows of each class the file holds, whether pending or sent. */
  depth(): Record<RowClass, number> {
    return this.#parts.store.tally();
  }

  /** The uncorrected wall time of the first row that the file holds of each class; null if it holds no such row. */
  oldestAt(): Record<RowClass, number | null> {
    return this.#parts.store.oldestAt();
  }

  /** Must be called before the first channel starts. @param isCurrent whether the robot still has the channel with this name. */
  limitLatest(isCurrent: (channel: string) => boolean): void {
    this.#isCurrent = isCurrent;
  }

  /** Returns the latest values, without those of channels that have been removed since. */
  latest(): LatestValues {
    const { stateSeq, values } = this.#parts.commits;
    return { stateSeq, values: new Map([...values].filter(([channel]) => this.#isCurrent(channel))) };
  }

  /** The extra fields of each channel's last alert row, which say whether the alert is raised. Includes uncommitted and delivered rows. */
  lastAlerts(): Map<string, ReadingExtra> {
    const last = this.#parts.store.lastAlerts();
    for (const { row } of this.#writer.waiting) if (row.class === 'alert') last.set(row.channel, row.extra ?? {});
    return last;
  }

  /**
   * Returns the alert rows after `after` (by default all) that the file holds, then those without a commit. If the database cannot be read,
   * returns only the latter; such an error is reported through `onTrouble`.
   */
  alertRows(after?: RowName): AlertRow[] {
    const waiting = waitingAlerts(this.#writer.waiting, this.#parts.clock.mono());
    try {
      return [...alertRowsAfter(this.#parts, after), ...waiting];
    } catch (error) {
      this.#writer.failed(error);
      return waiting;
    }
  }

  /** Whether the cloud has confirmed that its database has the row. */
  isDelivered(row: RowName): boolean {
    return isDelivered(this.#parts, row);
  }

  /** The outboxes that presence must list: the open outbox, and every outbox that the cloud does not fully know. */
  unfinishedOutboxes(): [id: string, accepted: number][] {
    return this.#parts.ledger.outboxes.unfinished();
  }

  /**
   * How long the oldest acknowledged row has been waiting for a receipt, in milliseconds of running time. If there is no such row but an
   * earlier outbox still awaits its receipt, the time since this program started. Undefined if nothing waits.
   */
  oldestUncoveredMs(): number | undefined {
    const { ledger, clock, ranMs } = this.#parts;
    const oldest = ledger.publications.oldest();
    if (oldest) return ranMs() - oldest.ranMs;
    return ledger.outboxes.awaitsReceipt ? clock.mono() : undefined;
  }

  /**
   * Evicts old telemetry, removes rows that no receipt will ever confirm, and checkpoints the WAL. Call this once a minute.
   * @param maxAgeMs age limit of telemetry, by its wall time. @throws SQLite's error
   */
  maintain(maxAgeMs: number): void {
    const { store, ledger, space, clock, lifetime, ranMs } = this.#parts;
    if (!lifetime.receiptsSeen) {
      for (const publication of [...ledger.publications.all()]) {
        const record = ledger.outboxes.byOrdinal(publication.outbox);
        const isOld = publication.ranMs < ranMs() - REMOVE_ACKNOWLEDGED_AFTER_MS;
        const rows = ledger.rowsOf(publication);
        // A cloud that comes later must still learn which rows are gone.
        if (!record || !isOld || store.holdsDeclaration(record.ordinal, rows)) continue;
        space.withPages('bookkeeping', () => ledger.evict(record, rows));
      }
    }
    if (clock.trusted()) {
      for (const record of ledger.outboxes.all) {
        const old = store.olderThan(record.ordinal, clock.wall() - maxAgeMs);
        if (old.length > 0) evict(this.#parts, record, rangesOf(old), 'age');
      }
    }
    store.dropDeliveredAlerts(ranMs() - KEEP_ALERTS_MS);
    store.checkpoint();
    crashPoint('checkpointed');
    space.restoreBallast();
  }

  /** Commits the remaining rows and cancels the scheduled commit. Does not close the database. */
  close(): void {
    this.#writer.close();
  }
}
