// The queue through which everything leaves the robot. README.md in this folder states its guarantees.
import { crashPoint } from '../base/index.ts';
import { count, type Ranges, type ReadingExtra, type Receipt, rangesOf, subtract, union } from '../wire/index.ts';
import type { Claim, ClaimLimits } from './claims.ts';
import { declaration, evict } from './eviction.ts';
import type { WaitingRow } from './intake.ts';
import type { RowCounts } from './metrics.ts';
import type { LatestValues, Parts } from './parts.ts';
import { type ReceiptEffect, receiptEffect } from './receiptEffect.ts';
import { classNumber, type NewRow, type RowClass } from './rows.ts';
import { unlessFull } from './space.ts';
import type { OutboxRecord } from './store.ts';
import type { Writer } from './writer.ts';

/** Running time after which acknowledged rows are removed if no cloud ever sent a receipt (docs/reference/protocol.md, Receipts). */
const REMOVE_ACKNOWLEDGED_AFTER_MS = 24 * 3_600_000;

/** Running time for which delivered alerts stay readable on the robot. The latest raised alert of a channel stays longer. */
const KEEP_ALERTS_MS = 7 * 24 * 3_600_000;

type ReceiptOutcome = 'applied' | 'unknown_outbox' | 'beyond_accepted';

export class Outbox {
  readonly #parts: Parts;
  readonly #writer: Writer;

  constructor(parts: Parts, writer: Writer) {
    this.#parts = parts;
    this.#writer = writer;
  }

  /** The id of this opening. */
  get id(): string {
    return this.#parts.ledger.outboxes.open.id;
  }

  /** Calls `wake` after each commit that added rows, and when rows are due again. The call carries no data. */
  wakeOn(wake: () => void): void {
    this.#parts.commits.wake = wake;
  }

  /**
   * Accepts a row. Telemetry is committed within the group time, other rows at the end of the running callback.
   * @param within runs inside the row's own transaction, and runs again if that transaction failed.
   */
  append(row: NewRow, within?: () => void): void {
    this.#writer.append(row, within);
  }

  /**
   * Commits all waiting rows, and the acknowledgements since the last commit, in one transaction.
   * @throws SQLite's error; the rows stay in memory and are tried again with the next rows.
   */
  flush(): void {
    this.#writer.flush();
  }

  /** Readings and events that have no number yet. Results are omitted because the command journal keeps them. */
  get unwritten(): readonly WaitingRow[] {
    return this.#writer.waiting.filter(({ row }) => row.class !== 'result').map((waiting) => ({ ...waiting, within: undefined }));
  }

  /**
   * Claims the oldest rows of a class that are neither in flight nor acknowledged. They are in flight from now on.
   * @returns undefined also if the database cannot be read now; the error is reported and the read is tried again.
   */
  claim(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    try {
      return this.#parts.ledger.claims.next(rowClass, limits);
    } catch (error) {
      this.#writer.failed(error);
      return undefined;
    }
  }

  /** Whether a row of this class is neither in flight nor acknowledged. */
  hasFree(rowClass: RowClass): boolean {
    const claim = this.claim(rowClass, { maxRows: 1, maxBytes: 1 });
    if (claim) this.failed(claim);
    return claim !== undefined;
  }

  isInFlight(rowClass: RowClass): boolean {
    return this.#parts.ledger.publications.isInFlight(classNumber(rowClass));
  }

  /** Records the PUBACK of a claim. The next commit writes it: a crash before that commit causes a second delivery. */
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
  }

  /** Makes the rows of a claim free again because they were not acknowledged. */
  failed(claim: Claim): void {
    this.#parts.ledger.free(claim);
  }

  /** Evicts the rows of a claim as poison, and declares them, because the broker will never accept them. */
  refused(claim: Claim): void {
    const { ledger } = this.#parts;
    ledger.free(claim);
    const record = ledger.outboxes.byOrdinal(claim.ordinal);
    if (!record) return;
    try {
      evict(this.#parts, record, rangesOf(claim.rows.map(({ seq }) => seq)), 'poison');
    } catch (error) {
      this.#writer.failed(error);
    }
  }

  /** Applies one page of a receipt. The effect is durable when this returns. @throws SQLite's error; then nothing is applied. */
  receive(receipt: Receipt): ReceiptOutcome {
    const { store, ledger, lifetime, commits } = this.#parts;
    const record = ledger.outboxes.byId(receipt.outbox);
    if (!record) return 'unknown_outbox';
    try {
      // A file full of alerts accepts no row, and only a receipt makes space in it. The receipt is therefore applied in any case.
      unlessFull(() => this.#writer.flush());
      const state = { ...record, isOpen: record === ledger.outboxes.open };
      const effect = receiptEffect(state, receipt, lifetime, ledger.publications.ofOutbox(record.ordinal), store.declaredRows(record.id));
      if (!effect) return 'beyond_accepted';
      crashPoint('receipt_read');
      const declarations = this.#apply(record, receipt, effect);
      if (declarations.length > 0) commits.added(declarations);
      else if (effect.resend.length > 0) commits.wake();
      return 'applied';
    } catch (error) {
      this.#writer.failed(error);
      throw error;
    }
  }

  /** @returns the declarations that were committed with the receipt. */
  #apply(record: OutboxRecord, receipt: Receipt, effect: ReceiptEffect): WaitingRow[] {
    const { store, ledger, counters, clock, lifetime, ranMs } = this.#parts;
    lifetime.sawReceipt(clock.mono());
    const exhausted = effect.exhausted.reduce((all: Ranges, publication) => union(all, ledger.rowsOf(publication)), []);
    const poison = subtract(exhausted, effect.covered);
    const declarations = [
      ...(poison.length > 0 ? [declaration(clock, record, poison, 'poison')] : []),
      ...(effect.undeclared.length > 0 ? [declaration(clock, record, effect.undeclared, 'released')] : []),
    ];
    const alerts = store.alertTimes(record.ordinal, effect.delivered);
    const confirmed = subtract(effect.delivered, record.gone);
    // If the disk has no space to keep the delivered alerts readable, they are removed with the other rows.
    if (!unlessFull(() => ledger.applyReceipt(record, effect, poison, declarations, ranMs())))
      ledger.applyReceipt(record, effect, poison, declarations, undefined);
    counters.confirmed += count(confirmed);
    counters.evictedBy.poison += count(poison);
    counters.evictedBy.released += count(effect.undeclared);
    counters.alertsReached('receipt', alerts);
    ledger.outboxes.received(record, receipt, lifetime.boot);
    return declarations;
  }

  /** The highest row number of this outbox. */
  get accepted(): number {
    return this.#parts.ledger.outboxes.open.accepted;
  }

  /** The number of rows that are neither covered by a receipt nor evicted, in all outboxes of the file. */
  get unconfirmed(): number {
    return this.#parts.ledger.outboxes.unconfirmed;
  }

  get counts(): RowCounts {
    return this.#parts.counters;
  }

  /** Milliseconds since the database began to refuse every write; undefined while writes succeed or the disk is full. */
  get failingForMs(): number | undefined {
    return this.#writer.failingForMs;
  }

  /** The number of held rows of each class: pending rows and sent rows. */
  depth(): Record<RowClass, number> {
    return this.#parts.store.tally();
  }

  /** Wall time of the oldest held row of each class, as the clock showed it then; null if no row is held. */
  oldestAt(): Record<RowClass, number | null> {
    return this.#parts.store.oldestAt();
  }

  latest(): LatestValues {
    const { stateSeq, values } = this.#parts.commits;
    return { stateSeq, values };
  }

  /** The last alert row of each channel, whether or not it is committed or delivered. It shows whether the alert is raised. */
  lastAlerts(): Map<string, ReadingExtra> {
    const last = this.#parts.store.lastAlerts();
    for (const { row } of this.#writer.waiting) if (row.class === 'alert') last.set(row.channel, row.extra ?? {});
    return last;
  }

  /** The outboxes that a presence names: the open outbox, and each outbox that the cloud does not fully know. */
  unfinishedOutboxes(): [id: string, accepted: number][] {
    return this.#parts.ledger.outboxes.unfinished();
  }

  /** How long the oldest acknowledged row, or an earlier outbox, has waited for a receipt, in milliseconds of running time. */
  oldestUncoveredMs(): number | undefined {
    const { ledger, clock, ranMs } = this.#parts;
    const oldest = ledger.publications.oldest();
    if (oldest) return ranMs() - oldest.ranMs;
    return ledger.outboxes.awaitsReceipt ? clock.mono() : undefined;
  }

  /**
   * Evicts old rows, removes rows that no receipt will ever confirm, and copies the WAL into the database. The caller must call this
   * once a minute.
   * @param maxAgeMs age limit of a row, by its wall time. @throws SQLite's error
   */
  maintain(maxAgeMs: number): void {
    const { store, ledger, space, clock, lifetime, ranMs } = this.#parts;
    if (!lifetime.receiptsSeen) {
      for (const publication of [...ledger.publications.all()]) {
        const record = ledger.outboxes.byOrdinal(publication.outbox);
        const isOld = publication.ranMs < ranMs() - REMOVE_ACKNOWLEDGED_AFTER_MS;
        if (record && isOld) ledger.evict(record, ledger.rowsOf(publication));
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

  /** Commits the remaining rows and stops the timers. The caller closes the database. */
  close(): void {
    this.#writer.close();
  }
}
