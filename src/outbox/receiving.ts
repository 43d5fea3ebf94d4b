// Applies receipts to the outbox. A receipt releases an alert only if the broker has acknowledged it, because a client that may publish on the
// robot's topic of receipts could otherwise delete an alert that never left the robot.
import { crashPoint } from '../base/index.ts';
import { count, coveredBy, intersect, type Ranges, type Receipt, subtract, union } from '../wire/index.ts';
import type { Claim } from './claims.ts';
import { declarations } from './eviction.ts';
import type { WaitingRow } from './intake.ts';
import type { Parts } from './parts.ts';
import { type ReceiptEffect, receiptEffect, unacknowledged } from './receiptEffect.ts';
import type { OutboxRecord } from './records.ts';
import { classNumber } from './rows.ts';
import { unlessFull } from './space.ts';
import type { Writer } from './writer.ts';

/** `unacknowledged`: the receipt was applied, except to alerts that the broker has not acknowledged. These are sent again. */
export type ReceiptOutcome = 'applied' | 'unacknowledged' | 'unknown_outbox' | 'beyond_accepted' | 'never_sent';

/** Limit on the receipts that wait for a PUBACK. A receipt overtakes a PUBACK by moments at most. */
const MAX_EARLY = 20;

export class Receiving {
  readonly #parts: Parts;
  readonly #writer: Writer;
  /** The highest number of an alert of the open outbox that was handed out for publishing. */
  #sentTo = 0;
  /** Receipts of alerts whose PUBACK was still due, for these alerts only. They are applied again when it arrives. */
  #early: Receipt[] = [];
  /** Alerts that receipts covered without a PUBACK, by the ordinal of their outbox. */
  readonly #doubted = new Map<number, Ranges>();

  constructor(parts: Parts, writer: Writer) {
    this.#parts = parts;
    this.#writer = writer;
  }

  /** Applies one page of a receipt, durably and atomically. @throws SQLite's error */
  receive(receipt: Receipt): ReceiptOutcome {
    const { store, ledger, lifetime, commits } = this.#parts;
    const record = ledger.outboxes.byId(receipt.outbox);
    if (!record) return 'unknown_outbox';
    try {
      // Apply the receipt even if the waiting rows cannot be committed: if the file is full of alerts, only a receipt makes space in it.
      unlessFull(() => this.#writer.flush());
      const publications = ledger.publications.ofOutbox(record.ordinal);
      const alerts = store.alerts(record.ordinal, subtract(coveredBy(receipt), record.covered)).map(({ seq }) => seq);
      const doubtful = unacknowledged(alerts, publications);
      const isOpen = record === ledger.outboxes.open;
      const own = { ...receipt, mark: lifetime.ownMark(receipt.mark) };
      const effect = receiptEffect({ ...record, isOpen, doubtful }, own, lifetime, publications, store.declaredRows(record.id));
      if (!effect) return 'beyond_accepted';
      if (isOpen && (doubtful.at(-1)?.[1] ?? 0) > this.#sentTo) return 'never_sent';
      crashPoint('receipt_read');
      const declared = this.#apply(record, own, effect);
      if (declared.length > 0) commits.added(declared);
      else if (effect.resend.length > 0) commits.wake();
      if (doubtful.length === 0) return 'applied';
      this.#doubt(record, receipt, doubtful);
      return 'unacknowledged';
    } catch (error) {
      this.#writer.failed(error);
      throw error;
    }
  }

  /** Must be called with each claim that is handed out for publishing. */
  sent({ class: rowClass, ordinal, last }: Claim): void {
    if (rowClass === 'alert' && ordinal === this.#parts.ledger.outboxes.open.ordinal) this.#sentTo = Math.max(this.#sentTo, last);
  }

  /** Must be called with each claim whose PUBACK has been recorded. */
  acknowledged({ class: rowClass, ordinal, outbox, first, last }: Claim): void {
    if (rowClass !== 'alert') return;
    const doubted = subtract(this.#doubted.get(ordinal) ?? [], [[first, last]]);
    if (doubted.length > 0) this.#doubted.set(ordinal, doubted);
    else this.#doubted.delete(ordinal);
    const early = this.#early.filter((receipt) => receipt.outbox === outbox.id);
    this.#early = this.#early.filter((receipt) => receipt.outbox !== outbox.id);
    for (const receipt of early) {
      try {
        this.receive(receipt);
      } catch {
        // The writer has reported the error, and the cloud repeats its receipt.
      }
    }
  }

  /** How many held alerts a receipt has covered that the broker has not acknowledged since. */
  get doubted(): number {
    const { outboxes } = this.#parts.ledger;
    let doubted = 0;
    for (const [ordinal, ranges] of this.#doubted) {
      const record = outboxes.byOrdinal(ordinal);
      if (record) doubted += count(subtract(ranges, union(record.covered, record.gone)));
    }
    return doubted;
  }

  #doubt({ ordinal }: OutboxRecord, receipt: Receipt, doubtful: Ranges): void {
    this.#doubted.set(ordinal, union(this.#doubted.get(ordinal) ?? [], doubtful));
    const also = intersect(doubtful, this.#parts.ledger.publications.inFlight(classNumber('alert'), ordinal));
    if (also.length > 0) this.#early = [...this.#early, { ...receipt, through: 0, after: 0, to: 0, also }].slice(-MAX_EARLY);
  }

  /** Applies the effect of a receipt. @returns the declarations that were committed with it. */
  #apply(record: OutboxRecord, receipt: Receipt, effect: ReceiptEffect): WaitingRow[] {
    const { store, ledger, space, counters, clock, lifetime, ranMs } = this.#parts;
    lifetime.sawReceipt(clock.mono());
    const exhausted = effect.exhausted.reduce((all: Ranges, publication) => union(all, ledger.rowsOf(publication)), []);
    const poison = subtract(exhausted, effect.covered);
    const declared = [
      ...declarations(this.#parts, record, poison, 'poison'),
      ...declarations(this.#parts, record, effect.undeclared, 'released'),
    ];
    const alerts = store.alerts(record.ordinal, effect.delivered).map(({ at }) => at);
    const confirmed = subtract(effect.delivered, record.gone);
    // Keeping delivered alerts readable takes space. If the disk is full, delete them together with the other rows.
    if (!unlessFull(() => ledger.applyReceipt(record, effect, poison, declared, ranMs())))
      space.withPages('bookkeeping', () => ledger.applyReceipt(record, effect, poison, declared, undefined));
    counters.confirmed += count(confirmed);
    counters.evictedBy.poison += count(poison);
    counters.evictedBy.released += count(effect.undeclared);
    counters.alertsReached('receipt', alerts);
    ledger.outboxes.received(record, receipt, lifetime.boot);
    return declared;
  }
}
