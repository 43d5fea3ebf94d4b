// The one queue through which everything leaves the robot. What it promises stands in README.md beside this file.
import type { Clock, Lifetime } from '../clock/index.ts';
import { AgentError, messageOf } from '../errors.ts';
import { count, intersect, type Ranges, type ReadingExtra, type Receipt, rangesOf, union } from '../wire/index.ts';
import { nextEviction } from './eviction.ts';
import { Lanes, type Publication } from './lanes.ts';
import { className, classNumber, encodeBody, type NewRow, ROW_CLASSES, type RowClass, type StoredRow } from './rows.ts';
import type { Db } from './schema.ts';
import { settle } from './settle.ts';
import { isDiskFull, type Space } from './space.ts';
import { type OutboxRecord, Store } from './store.ts';

export interface OutboxOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly space: Space;
  /** The id of this opening, new at each. */
  readonly id: string;
  /** Telemetry is committed in groups this long, in milliseconds. */
  readonly groupMs: number;
  /** Told when a commit failed and when one worked again. */
  readonly onTrouble: (error: Error | undefined) => void;
}

/** Rows on their way: settled exactly once, by {@link Outbox.published} or {@link Outbox.failed}. */
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

interface BufferedRow {
  readonly row: NewRow;
  readonly body: string;
  readonly at: number;
  readonly mono: number;
  readonly trusted: boolean;
  readonly within: (() => void) | undefined;
}

export type ReceiptOutcome = 'applied' | 'unknown_outbox' | 'beyond_accepted';

/** Acknowledgements ride on the next commit of rows, or on one of their own after this. */
const ACKS_WITHIN_MS = 500;

/** How often room is made before one commit. */
const EVICTION_ROUNDS = 8;

/** A commit that failed is tried again after this. */
const RETRY_MS = 1_000;

/** Rows that could not be committed are kept in memory up to this many; then the oldest telemetry is dropped, counted. */
const MAX_BUFFERED = 20_000;

/** Without any cloud that sends receipts, an acknowledged row is let go after this running time (contract, Receipts). */
const LET_GO_AFTER_MS = 24 * 3_600_000;

/** What an earlier start sent may reach the cloud so long after this one began: only a receipt from later says how much it was. */
const UNHEARD_FOR_MS = 300_000;

/** Delivered alerts stay readable on the robot for a week of running time. */
const KEEP_ALERTS_MS = 7 * 24 * 3_600_000;

export class Outbox {
  readonly id: string;
  readonly #store: Store;
  readonly #space: Space;
  readonly #clock: Clock;
  readonly #lifetime: Lifetime;
  readonly #groupMs: number;
  readonly #onTrouble: OutboxOptions['onTrouble'];
  readonly #lanes = new Lanes();
  readonly #latest = new Map<string, string>();
  readonly #maybe = new Set<RowClass>(ROW_CLASSES);
  /** Earlier outboxes that may have been more than the file knows, if it fell back: until a receipt says what the cloud saw of them. */
  readonly #unheard = new Set<string>();
  /** The cutoff below which no backlog was left: new rows come after it. */
  #drainedTo: number | undefined;
  #records: OutboxRecord[] = [];
  #open!: OutboxRecord;
  #buffer: BufferedRow[] = [];
  #dirty = new Set<Publication>();
  #removed: Publication[] = [];
  #groupTimer: NodeJS.Timeout | undefined;
  #urgent = false;
  #stateSeq = 0;
  #dropped = 0;
  #evicted = 0;
  #trouble = false;
  #closed = false;
  #wake: () => void = () => {};

  constructor(options: OutboxOptions) {
    this.id = options.id;
    this.#store = new Store(options.db);
    this.#space = options.space;
    this.#clock = options.clock;
    this.#lifetime = options.lifetime;
    this.#groupMs = options.groupMs;
    this.#onTrouble = options.onTrouble;
  }

  /** Starts a new outbox id in the file and finds what earlier ones left, without reading any row. */
  start(): void {
    const expected = this.#lifetime.outboxes;
    this.#open = this.#store.openNew(this.id, this.#lifetime.boot, this.#clock.wall(), expected);
    this.#records = this.#store.outboxes(this.#open);
    for (const { id } of this.#records) if (expected.includes(id)) this.#unheard.add(id);
    // After a kill the running time may be behind what was written down with a publication: none is from after this start.
    for (const publication of this.#store.publications()) {
      this.#lanes.restore({ ...publication, ranMs: Math.min(publication.ranMs, this.#lifetime.ranBeforeMs) });
    }
    this.#space.restoreBallast();
  }

  /** Called after each commit that added rows, and when rows have to be sent again. It carries no data. */
  wakeOn(wake: () => void): void {
    this.#wake = wake;
  }

  /** How many rows this outbox has ever assigned a number. */
  get accepted(): number {
    return this.#open.accepted;
  }

  /** Rows given up since the start because the room was needed. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Rows dropped before they had a number, because nothing could be written for too long. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Takes a row. Telemetry is committed within the group time, all else at the end of this turn of the event loop.
   * @param within runs inside the row's own transaction; it may be run again where that failed.
   */
  append(row: NewRow, within?: () => void): void {
    if (this.#closed) throw new AgentError('CLOSED', 'the outbox is closed');
    const { wall, mono, trusted } = { wall: this.#clock.wall(), mono: this.#clock.mono(), trusted: this.#clock.trusted() };
    const marked = trusted || !('channel' in row) ? row : { ...row, extra: { ...row.extra, clock: 'untrusted' as const } };
    this.#buffer.push({ row, body: encodeBody(marked), at: wall, mono, trusted, within });
    if (row.class !== 'telemetry') this.#flushSoon();
    else this.#flushIn(this.#groupMs);
  }

  /**
   * Commits everything appended so far, and what was acknowledged since the last commit, in one transaction.
   * @throws SQLite's error; the rows stay in memory and are tried again with the next ones.
   */
  flush(): void {
    this.#cancelTimers();
    if (this.#buffer.length === 0 && this.#dirty.size === 0 && this.#removed.length === 0) return;
    const rows = this.#buffer;
    const before = this.#open.accepted;
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
      this.#savePublications();
    });
    this.#open.accepted = before + rows.length;
    this.#buffer = [];
    this.#dirty.clear();
    this.#removed = [];
    if (rows.length > 0) this.#noteCommitted(rows);
  }

  /** The latest committed value of each channel, as JSON, and the highest row number they reflect. */
  latest(): { stateSeq: number; values: ReadonlyMap<string, string> } {
    return { stateSeq: this.#stateSeq, values: this.#latest };
  }

  /** The next rows of a class that are neither on their way nor acknowledged, oldest first; they count as on their way. */
  claim(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const backlogTo = limits.track?.kind === 'backlog' ? limits.track.cutoff : undefined;
    if (!this.#maybe.has(rowClass) || (backlogTo !== undefined && backlogTo === this.#drainedTo)) return undefined;
    const number = classNumber(rowClass);
    const live = limits.track?.kind === 'live';
    const records = live ? [this.#open] : this.#records;
    for (const record of records) {
      const isOpen = record === this.#open;
      const upTo = limits.track?.kind === 'backlog' && isOpen ? limits.track.cutoff : record.accepted;
      let from = live ? limits.track.cutoff + 1 : 1;
      for (;;) {
        const [first, end] = this.#lanes.nextFree(number, record.ordinal, from);
        if (first > upTo) break;
        const rows = this.#store.rows(number, record.ordinal, first, Math.min(end, upTo), limits);
        const last = rows.at(-1)?.seq;
        if (last !== undefined) {
          const start = rows[0]?.seq ?? first;
          this.#lanes.take(number, record.ordinal, [start, last]);
          return {
            class: rowClass,
            outbox: { id: record.id, accepted: record.accepted },
            ordinal: record.ordinal,
            first: start,
            last,
            rows,
          };
        }
        if (end >= upTo) break;
        from = end + 1;
      }
    }
    if (limits.track === undefined) this.#maybe.delete(rowClass);
    else if (backlogTo !== undefined) this.#drainedTo = backlogTo;
    return undefined;
  }

  /** The broker acknowledged a claim. Written down with the next commit: a crash before costs a second delivery. */
  published(claim: Claim): void {
    const { saved, replaced, added } = this.#lanes.publish(
      classNumber(claim.class),
      claim.ordinal,
      [claim.first, claim.last],
      this.#ranMs(),
    );
    for (const publication of replaced) {
      this.#dirty.delete(publication);
      this.#removed.push({ ...publication });
    }
    for (const publication of [saved, ...added]) this.#dirty.add(publication);
    this.#forgetSettled(claim);
    this.#flushIn(Math.max(this.#groupMs, ACKS_WITHIN_MS));
  }

  /** Rows that a receipt or an eviction was faster with: no receipt to come would take their publication away. */
  #forgetSettled({ ordinal, first, last }: Claim): void {
    const record = this.#records.find((other) => other.ordinal === ordinal);
    const rows: Ranges = [[first, last]];
    const settled = record ? union(intersect(rows, record.covered), intersect(rows, record.gone)) : [];
    if (settled.length === 0) return;
    const { removed, added } = this.#lanes.forget(ordinal, settled);
    for (const publication of removed) {
      this.#dirty.delete(publication);
      this.#removed.push({ ...publication });
    }
    for (const publication of added) this.#dirty.add(publication);
  }

  /** A claim was not acknowledged: its rows are free again. */
  failed(claim: Claim): void {
    this.#lanes.release(classNumber(claim.class), claim.ordinal, [claim.first, claim.last]);
    this.#mayClaim(claim.class);
  }

  /** The broker will never take a claim's rows: they are given up as poison, and declared. */
  refused(claim: Claim): void {
    const record = this.#records.find(({ ordinal }) => ordinal === claim.ordinal);
    this.#lanes.release(classNumber(claim.class), claim.ordinal, [claim.first, claim.last]);
    if (record) this.#giveUp(record, rangesOf(claim.rows.map(({ seq }) => seq)), 'poison');
  }

  /** Applies one page of a receipt, durably, before it returns. */
  receive(receipt: Receipt): ReceiptOutcome {
    const record = this.#records.find(({ id }) => id === receipt.outbox);
    if (!record) return 'unknown_outbox';
    this.flush();
    const book = { ...record, open: record === this.#open };
    const now = { boot: this.#lifetime.boot, ranBeforeMs: this.#lifetime.ranBeforeMs };
    const publications = [...this.#lanes.within(record.ordinal, [[1, Number.MAX_SAFE_INTEGER]])];
    const outcome = settle(book, receipt, now, publications, this.#store.declared(record.id));
    if (!outcome) return 'beyond_accepted';
    this.#lifetime.sawReceipt(this.#clock.mono());
    this.#store.transaction(() => {
      this.#store.deliver(record.ordinal, outcome.delivered, outcome.covered, this.#ranMs());
      if (outcome.vanished.length > 0) {
        this.#store.setAccepted(record.ordinal, outcome.accepted);
        this.#release(record, outcome.vanished);
      }
      this.#forget(record, outcome.delivered);
    });
    Object.assign(record, { accepted: outcome.accepted, covered: outcome.covered });
    if (receipt.mark[0] === this.#lifetime.boot && receipt.mark[1] > UNHEARD_FOR_MS) this.#unheard.delete(record.id);
    for (const publication of outcome.resend) {
      publication.due = true;
      this.#mayClaim(className(publication.class));
    }
    if (outcome.poison.length > 0) this.#giveUp(record, outcome.poison, 'poison');
    if (outcome.undeclared.length > 0) this.#declare(record, outcome.undeclared, 'released');
    if (outcome.resend.length > 0) this.#wake();
    return 'applied';
  }

  /** The outboxes a presence names: open, or still held, or not fully covered, or not heard of since they were open. */
  answeredFor(): [id: string, accepted: number][] {
    const named = (record: OutboxRecord) => record === this.#open || this.#unheard.has(record.id) || !isSettled(record);
    return this.#records.filter(named).map(({ id, accepted }) => [id, accepted]);
  }

  /** The outboxes of which the cloud still has to hear something. Kept outside the file, so that they can be declared when it is lost. */
  owed(): string[] {
    return [...this.answeredFor().map(([id]) => id), ...this.#store.closed()];
  }

  /** How long the oldest acknowledged row, or an earlier outbox, has waited for a receipt, in milliseconds of running time. */
  oldestUncoveredMs(): number | undefined {
    const oldest = this.#lanes.oldestRanMs();
    if (oldest !== undefined) return this.#ranMs() - oldest;
    return this.#unheard.size > 0 ? this.#clock.mono() : undefined;
  }

  /** The last alert of each channel, delivered or not: whether it stands after a restart. */
  lastAlerts(): Map<string, ReadingExtra> {
    return this.#store.lastAlerts();
  }

  /** Rows held, by class: pending, and acknowledged but not yet confirmed. */
  depth(): Record<RowClass, number> {
    return this.#store.tally();
  }

  /** Rows neither covered nor given up, over all outboxes. */
  get unconfirmed(): number {
    return this.#records.reduce((sum, record) => sum + outstanding(record), 0);
  }

  /** Regular care, once a minute: what is too old goes; what only a receipt could confirm goes where none ever came. */
  tend(maxAgeMs: number): void {
    if (!this.#lifetime.receiptsSeen) {
      const before = this.#ranMs() - LET_GO_AFTER_MS;
      for (const publication of [...this.#lanes.all()]) {
        const record = this.#records.find(({ ordinal }) => ordinal === publication.outbox);
        if (record && publication.ranMs < before) this.#release(record, [[publication.first, publication.last]]);
      }
    }
    if (this.#clock.trusted()) {
      const before = this.#clock.wall() - maxAgeMs;
      for (const record of this.#records) {
        const old = this.#store.olderThan(record.ordinal, before);
        if (old.length > 0) this.#giveUp(record, rangesOf(old), 'age');
      }
    }
    this.#store.dropDeliveredAlerts(this.#ranMs() - KEEP_ALERTS_MS);
    this.#store.checkpoint();
    this.#space.restoreBallast();
  }

  /** Commits what is left and lets go of the timers. The database itself belongs to the caller. */
  close(): void {
    this.#closed = true;
    this.#cancelTimers();
    this.flush();
  }

  #ranMs(): number {
    return this.#lifetime.ranBeforeMs + this.#clock.mono();
  }

  #tryFlush(): void {
    try {
      this.#flushMakingRoom();
      if (this.#trouble) this.#onTrouble(undefined);
      this.#trouble = false;
    } catch (error) {
      this.#trouble = true;
      this.#onTrouble(error instanceof Error ? error : new Error(messageOf(error)));
      this.#shed();
      this.#flushIn(RETRY_MS);
    }
  }

  /** Alerts may use the last of the room; for anything else the oldest goes first. Where the disk itself is full, so does the ballast. */
  #flushMakingRoom(): void {
    if (this.#buffer.some(({ row }) => row.class !== 'alert') && this.#space.isNearlyFull()) this.#evict();
    for (let tries = 0; ; tries++) {
      try {
        this.flush();
        return;
      } catch (error) {
        if (!isDiskFull(error) || tries >= EVICTION_ROUNDS) throw error;
        const helped = this.#space.releaseBallast() || this.#evict();
        if (!helped) throw error;
      }
    }
  }

  #evict(): boolean {
    const eviction = nextEviction(this.#store, this.#lanes);
    if (eviction === undefined || eviction === 'delivered') return eviction !== undefined;
    const record = this.#records.find(({ ordinal }) => ordinal === eviction.outbox);
    if (!record) return false;
    this.#giveUp(record, eviction.ranges, 'space');
    this.#evicted += count(eviction.ranges);
    return true;
  }

  /** After the callback that is running: all samples of one ROS wake-up share a commit. */
  #flushSoon(): void {
    if (this.#urgent) return;
    this.#urgent = true;
    queueMicrotask(() => {
      if (this.#urgent && !this.#closed) this.#tryFlush();
    });
  }

  #flushIn(ms: number): void {
    this.#groupTimer ??= setTimeout(() => this.#tryFlush(), ms).unref();
  }

  /** Memory is bounded too: the oldest telemetry that could not be written is dropped, and counted. */
  #shed(): void {
    for (let surplus = this.#buffer.length - MAX_BUFFERED; surplus > 0; surplus--) {
      const oldest = this.#buffer.findIndex(({ row }) => row.class === 'telemetry');
      this.#buffer.splice(Math.max(0, oldest), 1);
      this.#dropped++;
    }
  }

  #cancelTimers(): void {
    clearTimeout(this.#groupTimer);
    this.#groupTimer = undefined;
    this.#urgent = false;
  }

  #noteCommitted(rows: readonly { row: NewRow }[]): void {
    for (const { row } of rows) {
      this.#maybe.add(row.class);
      if ('channel' in row) this.#latest.set(row.channel, JSON.stringify(row.value));
    }
    this.#stateSeq = this.#open.accepted;
    this.#wake();
  }

  /** Rows of a class are free again, wherever they stand. */
  #mayClaim(rowClass: RowClass): void {
    this.#maybe.add(rowClass);
    this.#drainedTo = undefined;
  }

  #savePublications(): void {
    for (const publication of this.#removed) this.#store.deletePublication(publication);
    for (const publication of this.#dirty) this.#store.savePublication(publication);
  }

  #forget(record: OutboxRecord, ranges: Ranges): void {
    const { removed, added } = this.#lanes.forget(record.ordinal, ranges);
    for (const publication of removed) {
      this.#dirty.delete(publication);
      this.#store.deletePublication(publication);
    }
    for (const publication of added) this.#store.savePublication(publication);
  }

  /** Rows go undelivered, and the cloud is told which. */
  #giveUp(record: OutboxRecord, ranges: Ranges, reason: 'age' | 'space' | 'poison'): void {
    this.#release(record, ranges);
    this.#declare(record, ranges, reason);
  }

  #release(record: OutboxRecord, ranges: Ranges): void {
    const gone = union(record.gone, ranges);
    this.#store.transaction(() => {
      this.#store.remove(record.ordinal, ranges, gone);
      this.#forget(record, ranges);
    });
    record.gone = gone;
  }

  #declare(record: OutboxRecord, ranges: Ranges, reason: 'age' | 'space' | 'poison' | 'released'): void {
    this.append({ class: 'event', body: { kind: 'evicted', of: record.id, ranges, reason } });
  }
}

/** How many rows of an outbox are neither covered by receipts nor given up. */
function outstanding(record: OutboxRecord): number {
  return record.accepted - count(union(record.covered, record.gone));
}

function isSettled(record: OutboxRecord): boolean {
  return outstanding(record) === 0 && count(record.covered) === record.accepted;
}
