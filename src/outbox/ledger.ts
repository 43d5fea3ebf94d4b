// Tracks the state of every row in the file: its outbox, and whether it is in flight, acknowledged, covered or evicted. State that is also
// on disk changes in memory only after the transaction has been committed. Acknowledgements are the exception: they are written by the next
// commit.

import { crashPoint } from '../base/index.ts';
import { type Range, type Ranges, rangesOf, subtract, union } from '../wire/index.ts';
import { type Claim, Claims } from './claims.ts';
import type { WaitingRow } from './intake.ts';
import { Outboxes } from './outboxes.ts';
import { type Change, type Publication, Publications } from './publications.ts';
import type { ReceiptEffect } from './receiptEffect.ts';
import type { OutboxRecord } from './records.ts';
import { className, classNumber } from './rows.ts';
import type { Store } from './store.ts';

export class Ledger {
  readonly #store: Store;
  readonly publications = new Publications();
  readonly outboxes: Outboxes;
  readonly claims: Claims;
  /** Rows of the open outbox whose times must be corrected once the clock is trusted. */
  readonly untrusted = new UntrustedTimes();
  #dirty = new Set<Publication>();
  #removed: Publication[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.outboxes = new Outboxes(store);
    this.claims = new Claims(store, this.publications, this.outboxes);
  }

  /**
   * Starts a new outbox id in the file and restores the publications of earlier ids. Does not read any rows.
   * @param ranBeforeMs running time of all earlier runs. A power cut may lose up to a minute of it, so the times of restored publications
   * are capped at it: they must not lie in the future.
   */
  start(id: string, boot: number, wallMs: number, expected: readonly string[], ranBeforeMs: number): void {
    this.outboxes.start(id, boot, wallMs, expected);
    for (const publication of this.#store.publications()) {
      const record = this.outboxes.byOrdinal(publication.outbox);
      const left = record ? unconfirmed(record, [publication.first, publication.last]) : [];
      const ranMs = Math.min(publication.ranMs, ranBeforeMs);
      const pieces = left.map(([first, last]) => ({ ...publication, first, last, ranMs }));
      for (const piece of pieces) this.publications.restore(piece);
      if (pieces.length === 1 && pieces[0]?.first === publication.first && pieces[0].last === publication.last) continue;
      this.#removed.push(publication);
      for (const piece of pieces) this.#dirty.add(piece);
    }
  }

  /** Whether acknowledgements are waiting to be written to disk. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#removed.length > 0;
  }

  /**
   * In one transaction, saves acknowledgements, and numbers and inserts `rows`.
   * @param before runs in it before the inserts, so that they may use the pages that it frees. @param after runs in it after the inserts.
   * @throws SQLite's error if it rolls back.
   */
  commit(rows: readonly WaitingRow[], before: () => void = () => {}, after: () => void = () => {}): void {
    const { open } = this.outboxes;
    const accepted = open.accepted;
    crashPoint('commit_begun');
    this.#store.transaction(() => {
      this.#save({ removed: this.#removed, added: [...this.#dirty] });
      before();
      let seq = accepted;
      const added = new Map<number, number>();
      for (const waiting of rows) {
        waiting.within?.();
        this.#store.insert(open.ordinal, ++seq, waiting);
        const number = classNumber(waiting.row.class);
        added.set(number, (added.get(number) ?? 0) + 1);
      }
      for (const [number, rowsAdded] of added) this.#store.addToTally(number, rowsAdded);
      if (rows.length > 0) this.#store.setAccepted(open.ordinal, seq);
      after();
      crashPoint('commit_in_transaction');
    });
    crashPoint('commit_done');
    open.accepted = accepted + rows.length;
    this.#dirty.clear();
    this.#removed = [];
    rows.forEach((row, i) => {
      this.claims.committed(row, accepted + 1 + i);
      if (!row.trusted) this.untrusted.add(accepted + 1 + i, row.at, row.mono);
    });
  }

  /** Records a claim's PUBACK, except for rows that have been covered or evicted in the meantime and need no receipt. */
  published(claim: Claim, ranMs: number): void {
    const number = classNumber(claim.class);
    this.publications.release(number, claim.ordinal, [claim.first, claim.last]);
    const record = this.outboxes.byOrdinal(claim.ordinal);
    if (!record) return;
    for (const range of unconfirmed(record, [claim.first, claim.last])) {
      const { removed, added } = this.publications.acknowledge(number, claim.ordinal, range, ranMs);
      for (const publication of removed) {
        this.#dirty.delete(publication);
        this.#removed.push({ ...publication });
      }
      for (const publication of added) this.#dirty.add(publication);
    }
    crashPoint('rows_acknowledged');
  }

  /** Frees the rows of a claim that was not acknowledged. */
  free(claim: Claim): void {
    this.publications.release(classNumber(claim.class), claim.ordinal, [claim.first, claim.last]);
    this.claims.freed(claim.class);
  }

  /** Deletes undelivered rows and inserts their declarations, in one transaction. */
  evict(record: OutboxRecord, ranges: Ranges, declarations: readonly WaitingRow[] = []): void {
    const gone = union(record.gone, ranges);
    const cut = this.publications.cut(record.ordinal, ranges);
    this.commit(declarations, () => {
      this.#store.evict(record.ordinal, ranges, gone);
      this.#save(cut);
      crashPoint('evict_in_transaction');
    });
    crashPoint('evicted');
    this.claims.forgetFresh();
    record.gone = gone;
    this.publications.applyCut(cut);
  }

  /**
   * Applies a receipt's effect and inserts its declarations, in one transaction.
   * @param evicted rows to evict.
   * @param keepAlertsRanMs the current running time, to store with delivered alerts that stay readable; if undefined, they are deleted.
   */
  applyReceipt(
    record: OutboxRecord,
    effect: ReceiptEffect,
    evicted: Ranges,
    declarations: readonly WaitingRow[],
    keepAlertsRanMs: number | undefined,
  ): void {
    const removed = union(evicted, effect.vanished);
    const gone = union(record.gone, removed);
    const cut = this.publications.cut(record.ordinal, union(effect.delivered, removed));
    this.commit(declarations, () => {
      this.#store.deliver(record.ordinal, effect.delivered, effect.covered, keepAlertsRanMs);
      this.#store.evict(record.ordinal, removed, gone);
      if (effect.vanished.length > 0) this.#store.setAccepted(record.ordinal, effect.accepted);
      this.#save(cut);
      crashPoint('receipt_in_transaction');
    });
    crashPoint('receipt_applied');
    this.claims.forgetFresh();
    Object.assign(record, { accepted: Math.max(record.accepted, effect.accepted), covered: effect.covered, gone });
    this.publications.applyCut(cut);
    // The cut may have split these publications, so find the remaining pieces by range.
    for (const { class: rowClass, first, last } of effect.resend) {
      for (const publication of this.publications.ofOutbox(record.ordinal)) {
        if (publication.class === rowClass && publication.first >= first && publication.last <= last) publication.due = true;
      }
      this.claims.freed(className(rowClass));
    }
  }

  /** Returns a publication's rows that are still held. Its range may also contain numbers of other classes, which are left out. */
  rowsOf(publication: Publication): Ranges {
    return rangesOf(this.#store.numbers(publication.class, publication.outbox, publication.first, publication.last));
  }

  #save({ removed, added }: Change): void {
    for (const publication of removed) this.#store.deletePublication(publication);
    for (const publication of added) this.#store.savePublication(publication);
  }
}

function unconfirmed(record: OutboxRecord, range: Range): Ranges {
  return subtract([range], union(record.covered, record.gone));
}

/** If wall time minus monotonic time differs between two consecutive rows by more than this, the clock was set in between. */
const ONE_SETTING_MS = 1_000;

/**
 * Collects the rows that were accepted while the wall clock was not trusted, grouped by the clock's offset from monotonic time. All rows of
 * a group have the same error, which is known once the clock is trusted. An event declares the error; the rows do not change.
 */
class UntrustedTimes {
  #settings: { readonly offsetMs: number; readonly ranges: Range[] }[] = [];

  /** Rows must be added in the order of their numbers. */
  add(seq: number, wallMs: number, monoMs: number): void {
    const offsetMs = wallMs - monoMs;
    let setting = this.#settings.at(-1);
    if (!setting || Math.abs(setting.offsetMs - offsetMs) > ONE_SETTING_MS) {
      setting = { offsetMs, ranges: [] };
      this.#settings.push(setting);
    }
    const last = setting.ranges.at(-1);
    if (last && last[1] === seq - 1) last[1] = seq;
    else setting.ranges.push([seq, seq]);
  }

  get isEmpty(): boolean {
    return this.#settings.length === 0;
  }

  /**
   * Returns each group's correction, in milliseconds to add to its rows' wall times, and forgets all rows. Call this once the clock is
   * trusted.
   */
  resolve(wallMs: number, monoMs: number): { ranges: Range[]; correctionMs: number }[] {
    const settings = this.#settings;
    this.#settings = [];
    return settings.map(({ offsetMs, ranges }) => ({ ranges, correctionMs: wallMs - monoMs - offsetMs }));
  }
}
