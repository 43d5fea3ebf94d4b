// The state of every row of the file: its outbox, and whether the row is in flight, acknowledged, covered or evicted. Memory follows the
// disk: nothing here changes before its transaction has been committed.

import { crashPoint } from '../base/index.ts';
import { type Range, type Ranges, rangesOf, subtract, union } from '../wire/index.ts';
import { type Claim, Claims } from './claims.ts';
import type { WaitingRow } from './intake.ts';
import { type Cut, Lanes, type Publication } from './lanes.ts';
import type { ReceiptEffect } from './receiptEffect.ts';
import { Records } from './records.ts';
import { className, classNumber } from './rows.ts';
import type { OutboxRecord, Store } from './store.ts';
import { Untrusted } from './untrusted.ts';

export class Ledger {
  readonly #store: Store;
  readonly lanes = new Lanes();
  readonly records: Records;
  readonly claims: Claims;
  /** Rows of this opening whose time is to be corrected once the clock is right. */
  readonly untrusted = new Untrusted();
  #dirty = new Set<Publication>();
  #removed: Publication[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.records = new Records(store);
    this.claims = new Claims(store, this.lanes, this.records);
  }

  /**
   * Starts a new outbox id in the file and finds what earlier ones left, without reading any row.
   * @param ranBeforeMs running time before this start: a power cut may have lost up to a minute of it, and no publication is later.
   */
  start(id: string, boot: number, wallMs: number, expected: readonly string[], ranBeforeMs: number): void {
    this.records.start(id, boot, wallMs, expected);
    for (const publication of this.#store.publications()) {
      const record = this.records.at(publication.outbox);
      const left = record ? this.#outstanding(record, [publication.first, publication.last]) : [];
      const ranMs = Math.min(publication.ranMs, ranBeforeMs);
      const pieces = left.map(([first, last]) => ({ ...publication, first, last, ranMs }));
      for (const piece of pieces) this.lanes.restore(piece);
      if (pieces.length === 1 && pieces[0]?.first === publication.first && pieces[0].last === publication.last) continue;
      this.#removed.push(publication);
      for (const piece of pieces) this.#dirty.add(piece);
    }
  }

  /** Acknowledgements that are not on disk yet. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#removed.length > 0;
  }

  /** One transaction: `rows` get their numbers, acknowledgements are written down, and `also` happens. @throws SQLite's error; then nothing did. */
  commit(rows: readonly WaitingRow[], also: () => void = () => {}): void {
    const { open } = this.records;
    const before = open.accepted;
    crashPoint('commit_begun');
    this.#store.transaction(() => {
      let seq = before;
      const added = new Map<number, number>();
      for (const { row, body, at, mono, trusted, within } of rows) {
        within?.();
        const number = classNumber(row.class);
        const channel = 'channel' in row ? row.channel : '';
        this.#store.insert(number, open.ordinal, ++seq, { channel, body, at, mono, trusted });
        added.set(number, (added.get(number) ?? 0) + 1);
      }
      for (const [number, rowsAdded] of added) this.#store.addToTally(number, rowsAdded);
      if (rows.length > 0) this.#store.setAccepted(open.ordinal, seq);
      for (const publication of this.#removed) this.#store.deletePublication(publication);
      for (const publication of this.#dirty) this.#store.savePublication(publication);
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

  /** The broker acknowledged a claim. Rows that were covered or evicted meanwhile need no receipt any more. */
  published(claim: Claim, ranMs: number): void {
    const number = classNumber(claim.class);
    this.lanes.release(number, claim.ordinal, [claim.first, claim.last]);
    const record = this.records.at(claim.ordinal);
    if (!record) return;
    for (const range of this.#outstanding(record, [claim.first, claim.last])) {
      const { saved, replaced, added } = this.lanes.publish(number, claim.ordinal, range, ranMs);
      for (const publication of replaced) {
        this.#dirty.delete(publication);
        this.#removed.push({ ...publication });
      }
      for (const publication of [saved, ...added]) this.#dirty.add(publication);
    }
    crashPoint('rows_acknowledged');
  }

  /** Not acknowledged: the claim's rows are free again. */
  free(claim: Claim): void {
    this.lanes.release(classNumber(claim.class), claim.ordinal, [claim.first, claim.last]);
    this.claims.freed(claim.class);
  }

  /** Removes undelivered rows in one transaction with their `declaration`; undefined: without a declaration. */
  evict(record: OutboxRecord, ranges: Ranges, declaration?: WaitingRow): void {
    const gone = union(record.gone, ranges);
    const cut = this.lanes.cut(record.ordinal, ranges);
    this.commit(declaration ? [declaration] : [], () => {
      this.#store.remove(record.ordinal, ranges, gone);
      this.#write(cut);
      crashPoint('evict_in_transaction');
    });
    crashPoint('evicted');
    this.claims.forgetFresh();
    record.gone = gone;
    this.lanes.apply(cut);
  }

  /**
   * Applies the effect of a receipt in one transaction with its declarations.
   * @param evicted rows to evict.
   * @param keepAlertsRanMs running time, for delivered alerts that stay readable; undefined: they are removed too.
   */
  applyReceipt(
    record: OutboxRecord,
    effect: ReceiptEffect,
    evicted: Ranges,
    declarations: readonly WaitingRow[],
    keepAlertsRanMs: number | undefined,
  ): void {
    const gone = union(record.gone, union(evicted, effect.vanished));
    const cut = this.lanes.cut(record.ordinal, union(effect.delivered, union(evicted, effect.vanished)));
    this.commit(declarations, () => {
      this.#store.deliver(record.ordinal, effect.delivered, effect.covered, keepAlertsRanMs);
      this.#store.remove(record.ordinal, union(evicted, effect.vanished), gone);
      if (effect.vanished.length > 0) this.#store.setAccepted(record.ordinal, effect.accepted);
      this.#write(cut);
      crashPoint('receipt_in_transaction');
    });
    crashPoint('receipt_applied');
    this.claims.forgetFresh();
    Object.assign(record, { accepted: Math.max(record.accepted, effect.accepted), covered: effect.covered, gone });
    this.lanes.apply(cut);
    // Found again by their range: what a cut left of a publication is another.
    for (const { class: rowClass, first, last } of effect.resend) {
      for (const publication of this.lanes.of(record.ordinal)) {
        if (publication.class === rowClass && publication.first >= first && publication.last <= last) publication.due = true;
      }
      this.claims.freed(className(rowClass));
    }
  }

  /** The rows of one class in a range that are held: a publication's range may have rows of other classes between its own. */
  rowsOf(publication: Publication): Ranges {
    return rangesOf(this.#store.numbers(publication.class, publication.outbox, publication.first, publication.last));
  }

  #outstanding(record: OutboxRecord, range: Range): Ranges {
    return subtract([range], union(record.covered, record.gone));
  }

  #write({ removed, added }: Cut): void {
    for (const publication of removed) this.#store.deletePublication(publication);
    for (const publication of added) this.#store.savePublication(publication);
  }
}
