// What this file knows of every row: which outboxes there are, what is on its way, acknowledged, covered or given up. Memory follows
// the disk: nothing here changes before its transaction has been committed.
import { crashPoint } from '../crashPoint.ts';
import { count, type Range, type Ranges, type Receipt, rangesOf, subtract, union } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';
import { type Cut, Lanes, type Publication } from './lanes.ts';
import { className, classNumber, fitting, ROW_CLASSES, type RowClass, type StoredRow } from './rows.ts';
import type { Settlement } from './settle.ts';
import type { OutboxRecord, Store } from './store.ts';
import { Untrusted } from './untrusted.ts';

/** Rows on their way: settled exactly once, as published, failed or refused. */
export interface Claim {
  readonly class: RowClass;
  readonly outbox: { readonly id: string; readonly accepted: number };
  readonly ordinal: number;
  readonly first: number;
  readonly last: number;
  readonly rows: readonly StoredRow[];
}

export interface ClaimLimits {
  readonly maxRows: number;
  /** Of the rows' text; at least one row is given in any case. */
  readonly maxBytes: number;
  /** Telemetry: only what was accepted up to here (backlog), or only what came after (live). */
  readonly track?: { readonly kind: 'backlog' | 'live'; readonly cutoff: number };
}

/** What an earlier start sent may reach the cloud so long after this one began: only a receipt from later says how much it was. */
const UNHEARD_FOR_MS = 300_000;

/** Rows of a class kept in memory until they are claimed: what a message holds at most. Beyond, they are read back. */
const MAX_FRESH = 1_000;

export class Ledger {
  readonly #store: Store;
  readonly #lanes = new Lanes();
  /** Rows of this opening whose time is to be corrected once the clock is right. */
  readonly untrusted = new Untrusted();
  /** Classes of which a row may be free. */
  readonly #maybe = new Set<RowClass>(ROW_CLASSES);
  /** Classes of which the free rows are exactly these, just committed: an alert leaves without being read back. */
  readonly #fresh = new Map<RowClass, StoredRow[]>();
  /** Earlier outboxes that may have been more than the file knows, if it fell back: until a receipt says what the cloud saw of them. */
  readonly #unheard = new Set<string>();
  /** The cutoff below which no backlog was left: new rows come after it. */
  #drainedTo: number | undefined;
  /** How many rows there were when no live one was left. */
  #liveTo: number | undefined;
  #records: OutboxRecord[] = [];
  #open!: OutboxRecord;
  #dirty = new Set<Publication>();
  #removed: Publication[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Starts a new outbox id in the file and finds what earlier ones left, without reading any row.
   * @param ranBeforeMs running time before this start: a power cut may have lost up to a minute of it, and no publication is later.
   */
  start(id: string, boot: number, wallMs: number, expected: readonly string[], ranBeforeMs: number): void {
    this.#open = this.#store.openNew(id, boot, wallMs, expected);
    this.#records = this.#store.outboxes(this.#open);
    for (const record of this.#records) if (expected.includes(record.id)) this.#unheard.add(record.id);
    for (const publication of this.#store.publications()) {
      const record = this.at(publication.outbox);
      const left = record ? this.#unsettled(record, [publication.first, publication.last]) : [];
      const ranMs = Math.min(publication.ranMs, ranBeforeMs);
      const pieces = left.map(([first, last]) => ({ ...publication, first, last, ranMs }));
      for (const piece of pieces) this.#lanes.restore(piece);
      if (pieces.length === 1 && pieces[0]?.first === publication.first && pieces[0].last === publication.last) continue;
      this.#removed.push(publication);
      for (const piece of pieces) this.#dirty.add(piece);
    }
  }

  get open(): OutboxRecord {
    return this.#open;
  }

  get lanes(): Lanes {
    return this.#lanes;
  }

  /** Acknowledgements that are not on disk yet. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#removed.length > 0;
  }

  named(id: string): OutboxRecord | undefined {
    return this.#records.find((record) => record.id === id);
  }

  at(ordinal: number): OutboxRecord | undefined {
    return this.#records.find((record) => record.ordinal === ordinal);
  }

  records(): readonly OutboxRecord[] {
    return this.#records;
  }

  /** One transaction: `rows` get their numbers, acknowledgements are written down, and `also` happens. @throws SQLite's error; then nothing did. */
  commit(rows: readonly WaitingRow[], also: () => void = () => {}): void {
    const before = this.#open.accepted;
    crashPoint('commit_begun');
    this.#store.transaction(() => {
      let seq = before;
      const added = new Map<number, number>();
      for (const { row, body, at, mono, trusted, within } of rows) {
        within?.();
        const number = classNumber(row.class);
        const channel = 'channel' in row ? row.channel : '';
        this.#store.insert(number, this.#open.ordinal, ++seq, { channel, body, at, mono, trusted });
        added.set(number, (added.get(number) ?? 0) + 1);
      }
      for (const [number, rowsAdded] of added) this.#store.addToTally(number, rowsAdded);
      if (rows.length > 0) this.#store.setAccepted(this.#open.ordinal, seq);
      for (const publication of this.#removed) this.#store.deletePublication(publication);
      for (const publication of this.#dirty) this.#store.savePublication(publication);
      also();
      crashPoint('commit_in_transaction');
    });
    crashPoint('commit_done');
    this.#open.accepted = before + rows.length;
    this.#dirty.clear();
    this.#removed = [];
    rows.forEach((row, i) => {
      this.#committed(row, before + 1 + i);
      if (!row.trusted) this.untrusted.add(before + 1 + i, row.at, row.mono);
    });
  }

  /** The next rows of a class that are neither on their way nor acknowledged, oldest first; they count as on their way. */
  claim(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const backlogTo = limits.track?.kind === 'backlog' ? limits.track.cutoff : undefined;
    if (!this.#maybe.has(rowClass) || (backlogTo !== undefined && backlogTo === this.#drainedTo)) return undefined;
    const fresh = limits.track === undefined ? this.#claimFresh(rowClass, limits) : undefined;
    if (fresh) return fresh;
    const live = limits.track?.kind === 'live';
    if (live && this.#liveTo === this.#open.accepted) return undefined;
    for (const record of live ? [this.#open] : this.#records) {
      const upTo = backlogTo !== undefined && record === this.#open ? backlogTo : record.accepted;
      const claim = this.#claimOf(record, rowClass, [live ? limits.track.cutoff + 1 : 1, upTo], limits);
      if (claim) return claim;
    }
    if (limits.track === undefined) this.#maybe.delete(rowClass);
    else if (backlogTo !== undefined) this.#drainedTo = backlogTo;
    else this.#liveTo = this.#open.accepted;
    return undefined;
  }

  /** The broker acknowledged a claim. What a receipt covered or this robot gave up meanwhile needs no answer any more. */
  published(claim: Claim, ranMs: number): void {
    const number = classNumber(claim.class);
    this.#lanes.release(number, claim.ordinal, [claim.first, claim.last]);
    const record = this.at(claim.ordinal);
    if (!record) return;
    for (const range of this.#unsettled(record, [claim.first, claim.last])) {
      const { saved, replaced, added } = this.#lanes.publish(number, claim.ordinal, range, ranMs);
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
    this.#lanes.release(classNumber(claim.class), claim.ordinal, [claim.first, claim.last]);
    this.#mayClaim(claim.class);
  }

  /** Rows go undelivered, in one transaction with the `declaration` that says so; undefined: silently. */
  giveUp(record: OutboxRecord, ranges: Ranges, declaration?: WaitingRow): void {
    const gone = union(record.gone, ranges);
    const cut = this.#lanes.cut(record.ordinal, ranges);
    this.commit(declaration ? [declaration] : [], () => {
      this.#store.remove(record.ordinal, ranges, gone);
      this.#write(cut);
      crashPoint('give_up_in_transaction');
    });
    crashPoint('given_up');
    this.#fresh.clear();
    record.gone = gone;
    this.#lanes.apply(cut);
  }

  /**
   * Applies what a receipt means, in one transaction with the declarations it calls for.
   * @param keepAlertsRanMs running time, for delivered alerts that stay readable; undefined: they go with the rest.
   */
  settle(
    record: OutboxRecord,
    outcome: Settlement,
    given: Ranges,
    declarations: readonly WaitingRow[],
    keepAlertsRanMs: number | undefined,
  ): void {
    const gone = union(record.gone, union(given, outcome.vanished));
    const cut = this.#lanes.cut(record.ordinal, union(outcome.delivered, union(given, outcome.vanished)));
    this.commit(declarations, () => {
      this.#store.deliver(record.ordinal, outcome.delivered, outcome.covered, keepAlertsRanMs);
      this.#store.remove(record.ordinal, union(given, outcome.vanished), gone);
      if (outcome.vanished.length > 0) this.#store.setAccepted(record.ordinal, outcome.accepted);
      this.#write(cut);
      crashPoint('receipt_in_transaction');
    });
    crashPoint('receipt_applied');
    this.#fresh.clear();
    Object.assign(record, { accepted: Math.max(record.accepted, outcome.accepted), covered: outcome.covered, gone });
    this.#lanes.apply(cut);
    // Found again by their range: what a cut left of a publication is another.
    for (const { class: rowClass, first, last } of outcome.resend) {
      for (const publication of this.#lanes.of(record.ordinal)) {
        if (publication.class === rowClass && publication.first >= first && publication.last <= last) publication.due = true;
      }
      this.#mayClaim(className(rowClass));
    }
  }

  /** The rows of one class in a range that are held: a publication's range may have rows of other classes between its own. */
  rowsOf(publication: Publication): Ranges {
    return rangesOf(this.#store.numbers(publication.class, publication.outbox, publication.first, publication.last));
  }

  /** Whether a receipt came late enough in this start to say what the cloud saw of an earlier outbox. */
  heardOf(record: OutboxRecord, receipt: Receipt, boot: number): void {
    if (receipt.mark[0] === boot && receipt.mark[1] > UNHEARD_FOR_MS) this.#unheard.delete(record.id);
  }

  get hasUnheard(): boolean {
    return this.#unheard.size > 0;
  }

  /** The outboxes a presence names: open, or still held, or not fully covered, or not heard of since they were open. */
  answeredFor(): [id: string, accepted: number][] {
    const named = (record: OutboxRecord) => record === this.#open || this.#unheard.has(record.id) || !isSettled(record);
    return this.#records.filter(named).map(({ id, accepted }) => [id, accepted]);
  }

  /** Rows neither covered nor given up, over all outboxes. */
  get unconfirmed(): number {
    return this.#records.reduce((sum, record) => sum + outstanding(record), 0);
  }

  /** Where nothing of its class was free before, a row is all that is. Telemetry waits for its message and is read then. */
  #committed({ row, body, at }: WaitingRow, seq: number): void {
    if (row.class !== 'telemetry') {
      if (!this.#maybe.has(row.class)) this.#fresh.set(row.class, []);
      const fresh = this.#fresh.get(row.class);
      if (fresh && fresh.length < MAX_FRESH) fresh.push({ seq, at, channel: 'channel' in row ? row.channel : '', body });
      else this.#fresh.delete(row.class);
    }
    this.#maybe.add(row.class);
  }

  #claimFresh(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const fresh = this.#fresh.get(rowClass);
    if (fresh === undefined) return undefined;
    this.#fresh.delete(rowClass);
    const rows = fitting(fresh.slice(0, limits.maxRows), limits.maxBytes);
    if (rows.length < fresh.length) this.#fresh.set(rowClass, fresh.slice(rows.length));
    else this.#maybe.delete(rowClass);
    return this.#take(this.#open, rowClass, rows);
  }

  #take({ id, accepted, ordinal }: OutboxRecord, rowClass: RowClass, rows: readonly StoredRow[]): Claim | undefined {
    const [first, last] = [rows[0]?.seq, rows.at(-1)?.seq];
    if (first === undefined || last === undefined) return undefined;
    this.#lanes.take(classNumber(rowClass), ordinal, [first, last]);
    crashPoint('rows_claimed');
    return { class: rowClass, outbox: { id, accepted }, ordinal, first, last, rows };
  }

  #claimOf(record: OutboxRecord, rowClass: RowClass, [start, upTo]: Range, limits: ClaimLimits): Claim | undefined {
    const number = classNumber(rowClass);
    for (let from = start; ; ) {
      const [free, end] = this.#lanes.nextFree(number, record.ordinal, from);
      if (free > upTo) return undefined;
      const rows = this.#store.rows(number, record.ordinal, free, Math.min(end, upTo), limits);
      const claim = this.#take(record, rowClass, rows);
      if (claim) return claim;
      if (end >= upTo) return undefined;
      from = end + 1;
    }
  }

  #unsettled(record: OutboxRecord, range: Range): Ranges {
    return subtract([range], union(record.covered, record.gone));
  }

  /** Rows of a class are free again, wherever they stand. */
  #mayClaim(rowClass: RowClass): void {
    this.#maybe.add(rowClass);
    this.#fresh.delete(rowClass);
    this.#drainedTo = undefined;
    this.#liveTo = undefined;
  }

  #write({ removed, added }: Cut): void {
    for (const publication of removed) this.#store.deletePublication(publication);
    for (const publication of added) this.#store.savePublication(publication);
  }
}

/** How many rows of an outbox are neither covered by receipts nor given up. */
function outstanding(record: OutboxRecord): number {
  return record.accepted - count(union(record.covered, record.gone));
}

function isSettled(record: OutboxRecord): boolean {
  return outstanding(record) === 0 && count(record.covered) === record.accepted;
}
