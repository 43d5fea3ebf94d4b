// Knows the state of every row of the file: its outbox, and whether it is in flight, acknowledged, covered or evicted. Memory follows the
// disk: nothing in memory changes before its transaction is committed.

import { crashPoint } from '../base/index.ts';
import { type Range, type Ranges, rangesOf, subtract, union } from '../wire/index.ts';
import { type Claim, Claims } from './claims.ts';
import type { WaitingRow } from './intake.ts';
import { Outboxes } from './outboxes.ts';
import { type Change, type Publication, Publications } from './publications.ts';
import type { ReceiptEffect } from './receiptEffect.ts';
import { className, classNumber } from './rows.ts';
import type { OutboxRecord, Store } from './store.ts';

export class Ledger {
  readonly #store: Store;
  readonly publications = new Publications();
  readonly outboxes: Outboxes;
  readonly claims: Claims;
  /** Rows of this opening whose times need a correction once the clock is right. */
  readonly untrusted = new UntrustedTimes();
  #dirty = new Set<Publication>();
  #removed: Publication[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.outboxes = new Outboxes(store);
    this.claims = new Claims(store, this.publications, this.outboxes);
  }

  /**
   * Starts a new outbox id in the file and restores the publications of earlier ids. Reads no row.
   * @param ranBeforeMs running time before this start. A power cut may lose up to a minute of it, so it limits the restored times.
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

  /** Whether there are acknowledgements that are not on disk yet. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#removed.length > 0;
  }

  /** Numbers `rows`, saves the acknowledgements and runs `also`, in one transaction. @throws SQLite's error; then nothing changes. */
  commit(rows: readonly WaitingRow[], also: () => void = () => {}): void {
    const { open } = this.outboxes;
    const before = open.accepted;
    crashPoint('commit_begun');
    this.#store.transaction(() => {
      let seq = before;
      const added = new Map<number, number>();
      for (const waiting of rows) {
        waiting.within?.();
        this.#store.insert(open.ordinal, ++seq, waiting);
        const number = classNumber(waiting.row.class);
        added.set(number, (added.get(number) ?? 0) + 1);
      }
      for (const [number, rowsAdded] of added) this.#store.addToTally(number, rowsAdded);
      if (rows.length > 0) this.#store.setAccepted(open.ordinal, seq);
      this.#save({ removed: this.#removed, added: [...this.#dirty] });
      also();
      crashPoint('commit_in_transaction');
    });
    crashPoint('commit_done');
    open.accepted = before + rows.length;
    this.#dirty.clear();
    this.#removed = [];
    rows.forEach((row, i) => {
      this.claims.committed(row, before + 1 + i);
      if (!row.trusted) this.untrusted.add(before + 1 + i, row.at, row.mono);
    });
  }

  /** Records the PUBACK of a claim. Rows that were covered or evicted in the meantime need no receipt any more. */
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

  /** Makes the rows of a claim free again if it was not acknowledged. */
  free(claim: Claim): void {
    this.publications.release(classNumber(claim.class), claim.ordinal, [claim.first, claim.last]);
    this.claims.freed(claim.class);
  }

  /** Removes undelivered rows in one transaction with their `declaration`, if there is one. */
  evict(record: OutboxRecord, ranges: Ranges, declaration?: WaitingRow): void {
    const gone = union(record.gone, ranges);
    const cut = this.publications.cut(record.ordinal, ranges);
    this.commit(declaration ? [declaration] : [], () => {
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
   * Applies the effect of a receipt in one transaction with its declarations.
   * @param evicted rows to evict.
   * @param keepAlertsRanMs current running time, to keep delivered alerts readable; undefined to remove them too.
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
    // The cut may have replaced a publication by pieces of it, so the rows to send again are found by their range.
    for (const { class: rowClass, first, last } of effect.resend) {
      for (const publication of this.publications.ofOutbox(record.ordinal)) {
        if (publication.class === rowClass && publication.first >= first && publication.last <= last) publication.due = true;
      }
      this.claims.freed(className(rowClass));
    }
  }

  /** The held rows of a publication. Its range may include rows of other classes. */
  rowsOf(publication: Publication): Ranges {
    return rangesOf(this.#store.numbers(publication.class, publication.outbox, publication.first, publication.last));
  }

  #save({ removed, added }: Change): void {
    for (const publication of removed) this.#store.deletePublication(publication);
    for (const publication of added) this.#store.savePublication(publication);
  }
}

/** @returns the rows of a range that are neither covered nor evicted. */
function unconfirmed(record: OutboxRecord, range: Range): Ranges {
  return subtract([range], union(record.covered, record.gone));
}

/** Two rows belong to one setting of the clock if the offset between wall time and monotonic time changes by less than this. */
const ONE_SETTING_MS = 1_000;

/**
 * Collects the rows that were accepted while the clock was not trusted. Their true times follow from monotonic time once the clock is
 * right: all rows of one setting of the wrong clock have the same error. An event declares the error; the rows do not change.
 */
class UntrustedTimes {
  #settings: { readonly offsetMs: number; readonly ranges: Range[] }[] = [];

  /** The caller must add rows in the order of their numbers. */
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
   * Forgets all rows. The caller must call this when the clock is right.
   * @returns the milliseconds to add to the times of the rows, for each setting of the wrong clock.
   */
  resolve(wallMs: number, monoMs: number): { ranges: Range[]; correctionMs: number }[] {
    const settings = this.#settings;
    this.#settings = [];
    return settings.map(({ offsetMs, ranges }) => ({ ranges, correctionMs: wallMs - monoMs - offsetMs }));
  }
}
