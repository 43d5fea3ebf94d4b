// The one queue through which everything leaves the robot. What it promises stands in README.md beside this file.
import type { Clock, Lifetime } from '../clock/index.ts';
import { crashPoint } from '../crashPoint.ts';
import { AgentError, codeOf } from '../errors.ts';
import {
  count,
  type EventBody,
  type EvictionReason,
  type Ranges,
  type ReadingExtra,
  type Receipt,
  rangesOf,
  subtract,
  union,
} from '../wire/index.ts';
import { nextEviction } from './eviction.ts';
import { type OutboxFigures, UNCOUNTED } from './figures.ts';
import { Intake, type WaitingRow } from './intake.ts';
import { type Claim, type ClaimLimits, Ledger } from './ledger.ts';
import { classNumber, encodeBody, type NewRow, type RowClass } from './rows.ts';
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
  /** Told when the database failed, and when it worked again. */
  readonly onTrouble: (error: Error | undefined) => void;
  readonly figures?: OutboxFigures;
}

export type ReceiptOutcome = 'applied' | 'unknown_outbox' | 'beyond_accepted';

/** Acknowledgements ride on the next commit of rows, or on one of their own after this. */
const ACKS_WITHIN_MS = 500;

/** How often room is made before one commit. */
const EVICTION_ROUNDS = 8;

/** What failed is tried again after this. */
const RETRY_MS = 1_000;

/** Without any cloud that sends receipts, an acknowledged row is let go after this running time (contract, Receipts). */
const LET_GO_AFTER_MS = 24 * 3_600_000;

/** Delivered alerts stay readable on the robot for a week of running time. */
const KEEP_ALERTS_MS = 7 * 24 * 3_600_000;

export class Outbox {
  readonly id: string;
  readonly #store: Store;
  readonly #ledger: Ledger;
  readonly #intake: Intake;
  readonly #space: Space;
  readonly #clock: Clock;
  readonly #lifetime: Lifetime;
  readonly #groupMs: number;
  readonly #onTrouble: OutboxOptions['onTrouble'];
  readonly #latest = new Map<string, string>();
  #stateSeq = 0;
  #dropped = 0;
  readonly #evictedBy: Record<EvictionReason, number> = { age: 0, space: 0, poison: 0, released: 0 };
  readonly #figures: OutboxFigures;
  #confirmed = 0;
  #trouble = false;
  #failingSinceMs: number | undefined;
  #closed = false;
  #wake: () => void = () => {};

  constructor(options: OutboxOptions) {
    this.id = options.id;
    this.#figures = options.figures ?? UNCOUNTED;
    this.#store = new Store(options.db, (ms) => this.#figures.commit(ms));
    this.#ledger = new Ledger(this.#store);
    this.#intake = new Intake(() => this.#commitDue());
    this.#space = options.space;
    this.#clock = options.clock;
    this.#lifetime = options.lifetime;
    this.#groupMs = options.groupMs;
    this.#onTrouble = options.onTrouble;
  }

  /** Starts a new outbox id in the file and finds what earlier ones left, without reading any row. */
  start(): void {
    const { boot, outboxes, ranBeforeMs } = this.#lifetime;
    this.#ledger.start(this.id, boot, this.#clock.wall(), outboxes, ranBeforeMs);
    this.#space.restoreBallast();
  }

  /** Called after each commit that added rows, and when rows have to be sent again. It carries no data. */
  wakeOn(wake: () => void): void {
    this.#wake = wake;
  }

  /** How many rows this outbox has ever assigned a number. */
  get accepted(): number {
    return this.#ledger.open.accepted;
  }

  /** Rows given up since the start because the room was needed. */
  get evicted(): number {
    return this.#evictedBy.space;
  }

  /** Rows given up since the start, by the reason that the cloud was told. */
  get evictedBy(): Readonly<Record<EvictionReason, number>> {
    return { ...this.#evictedBy };
  }

  /** Rows that a receipt of this start said to be in the cloud's database. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** Rows dropped before they had a number, because nothing could be written for too long. */
  get dropped(): number {
    return this.#dropped;
  }

  /** For how long the database has refused every write, other than for want of room; undefined while it takes them. */
  get failingForMs(): number | undefined {
    return this.#failingSinceMs === undefined ? undefined : this.#clock.mono() - this.#failingSinceMs;
  }

  /** Rows neither covered nor given up, over all outboxes. */
  get unconfirmed(): number {
    return this.#ledger.unconfirmed;
  }

  /**
   * Takes a row. Telemetry is committed within the group time, all else at the end of the running callback.
   * @param within runs inside the row's own transaction; it may be run again where that failed.
   */
  append(row: NewRow, within?: () => void): void {
    if (this.#closed) throw new AgentError('CLOSED', 'the outbox is closed');
    this.#intake.add(this.#stamped(row, within));
    crashPoint('row_taken');
    if (row.class !== 'telemetry') this.#intake.soon();
    else this.#intake.within(this.#groupMs);
  }

  /** Readings and events that have no number yet. Results are not among them: the command journal answers for theirs. */
  get unwritten(): readonly WaitingRow[] {
    return this.#intake.rows.filter(({ row }) => row.class !== 'result').map((waiting) => ({ ...waiting, within: undefined }));
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
    this.#intake.begun();
    const { rows } = this.#intake;
    if (rows.length === 0 && !this.#ledger.isDirty) return;
    this.#ledger.commit(rows);
    this.#intake.committed(rows.length);
    this.#countCommitted(rows);
    if (rows.length > 0) this.#noteCommitted(rows);
    if (!this.#ledger.untrusted.isEmpty && this.#clock.trusted() && !this.#closed) this.#tellClockSet();
  }

  /** The latest committed value of each channel, as JSON, and the highest row number they reflect. */
  latest(): { stateSeq: number; values: ReadonlyMap<string, string> } {
    return { stateSeq: this.#stateSeq, values: this.#latest };
  }

  /**
   * The next rows of a class that are neither on their way nor acknowledged, oldest first; they count as on their way. None where
   * the database cannot be read just now: that is told, and tried again.
   */
  claim(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    try {
      return this.#ledger.claim(rowClass, limits);
    } catch (error) {
      this.#troubled(error);
      return undefined;
    }
  }

  /** Whether an alert was given to the link and is not acknowledged yet: nothing else should be in its way. */
  get alertOnItsWay(): boolean {
    return this.#ledger.lanes.isOnItsWay(classNumber('alert'));
  }

  /** The broker acknowledged a claim. Written down with the next commit: a crash before costs a second delivery. */
  published(claim: Claim): void {
    this.#ledger.published(claim, this.#ranMs());
    if (claim.class === 'alert')
      this.#came(
        'puback',
        claim.rows.map(({ at }) => at),
      );
    this.#intake.within(Math.max(this.#groupMs, ACKS_WITHIN_MS));
  }

  /** A claim was not acknowledged: its rows are free again. */
  failed(claim: Claim): void {
    this.#ledger.free(claim);
  }

  /** The broker will never take a claim's rows: they are given up as poison, and declared. */
  refused(claim: Claim): void {
    this.#ledger.free(claim);
    const record = this.#ledger.at(claim.ordinal);
    if (!record) return;
    try {
      this.#giveUp(record, rangesOf(claim.rows.map(({ seq }) => seq)), 'poison');
    } catch (error) {
      this.#troubled(error);
    }
  }

  /** Applies one page of a receipt, durably, before it returns. @throws SQLite's error; then nothing is applied. */
  receive(receipt: Receipt): ReceiptOutcome {
    const record = this.#ledger.named(receipt.outbox);
    if (!record) return 'unknown_outbox';
    try {
      return this.#settle(record, receipt);
    } catch (error) {
      this.#troubled(error);
      throw error;
    }
  }

  /** The outboxes a presence names: open, or still held, or not fully covered, or not heard of since they were open. */
  answeredFor(): [id: string, accepted: number][] {
    return this.#ledger.answeredFor();
  }

  /** The outboxes of which the cloud still has to hear something. Kept outside the file, so that they can be declared when it is lost. */
  owed(): string[] {
    return [...this.answeredFor().map(([id]) => id), ...this.#store.closed()];
  }

  /** How long the oldest acknowledged row, or an earlier outbox, has waited for a receipt, in milliseconds of running time. */
  oldestUncoveredMs(): number | undefined {
    const oldest = this.#ledger.lanes.oldestRanMs();
    if (oldest !== undefined) return this.#ranMs() - oldest;
    return this.#ledger.hasUnheard ? this.#clock.mono() : undefined;
  }

  /** The last alert of each channel, delivered or not: whether it stands after a restart. */
  lastAlerts(): Map<string, ReadingExtra> {
    return this.#store.lastAlerts();
  }

  /** Rows held, by class: pending, and acknowledged but not yet confirmed. */
  depth(): Record<RowClass, number> {
    return this.#store.tally();
  }

  /** When the oldest row that is held of each class happened, by the wall clock of then; null where none is held. */
  oldestAt(): Record<RowClass, number | null> {
    return this.#store.oldestAt();
  }

  /** Regular care, once a minute: what is too old goes; what only a receipt could confirm goes where none ever came. */
  tend(maxAgeMs: number): void {
    if (!this.#lifetime.receiptsSeen) {
      const before = this.#ranMs() - LET_GO_AFTER_MS;
      for (const publication of [...this.#ledger.lanes.all()]) {
        const record = this.#ledger.at(publication.outbox);
        if (record && publication.ranMs < before) this.#ledger.giveUp(record, this.#ledger.rowsOf(publication));
      }
    }
    if (this.#clock.trusted()) {
      const before = this.#clock.wall() - maxAgeMs;
      for (const record of this.#ledger.records()) {
        const old = this.#store.olderThan(record.ordinal, before);
        if (old.length > 0) this.#giveUp(record, rangesOf(old), 'age');
      }
    }
    this.#store.dropDeliveredAlerts(this.#ranMs() - KEEP_ALERTS_MS);
    this.#store.checkpoint();
    crashPoint('checkpointed');
    this.#space.restoreBallast();
  }

  /** Commits what is left and lets go of the timers. The database itself belongs to the caller. */
  close(): void {
    this.#closed = true;
    this.flush();
  }

  #ranMs(): number {
    return this.#lifetime.ranBeforeMs + this.#clock.mono();
  }

  #stamped(row: NewRow, within?: () => void): WaitingRow {
    const trusted = this.#clock.trusted();
    const marked = trusted || !('channel' in row) ? row : { ...row, extra: { ...row.extra, clock: 'untrusted' as const } };
    return { row, body: encodeBody(marked), at: this.#clock.wall(), mono: this.#clock.mono(), trusted, within };
  }

  #settle(record: OutboxRecord, receipt: Receipt): ReceiptOutcome {
    // A file full of alerts takes no row, and only what a receipt lets go makes room: so it is applied in any case.
    whereRoom(() => this.flush());
    const book = { ...record, open: record === this.#ledger.open };
    const now = { boot: this.#lifetime.boot, ranBeforeMs: this.#lifetime.ranBeforeMs };
    const publications = this.#ledger.lanes.of(record.ordinal);
    const outcome = settle(book, receipt, now, publications, this.#store.declared(record.id));
    if (!outcome) return 'beyond_accepted';
    crashPoint('receipt_read');
    this.#lifetime.sawReceipt(this.#clock.mono());
    const poison = subtract(
      outcome.hopeless.reduce((all: Ranges, publication) => union(all, this.#ledger.rowsOf(publication)), []),
      outcome.covered,
    );
    const declarations = [
      ...(poison.length > 0 ? [this.#declaration(record, poison, 'poison')] : []),
      ...(outcome.undeclared.length > 0 ? [this.#declaration(record, outcome.undeclared, 'released')] : []),
    ];
    const alerts = this.#store.alertTimes(record.ordinal, outcome.delivered);
    const confirmed = subtract(outcome.delivered, record.gone);
    const isKept = whereRoom(() => this.#ledger.settle(record, outcome, poison, declarations, this.#ranMs()));
    if (!isKept) this.#ledger.settle(record, outcome, poison, declarations, undefined);
    this.#confirmed += count(confirmed);
    this.#evictedBy.poison += count(poison);
    this.#evictedBy.released += count(outcome.undeclared);
    this.#came('receipt', alerts);
    this.#ledger.heardOf(record, receipt, this.#lifetime.boot);
    if (declarations.length > 0) this.#noteCommitted(declarations);
    else if (outcome.resend.length > 0) this.#wake();
    return 'applied';
  }

  #commitDue(): void {
    if (this.#closed) return;
    try {
      this.#flushMakingRoom();
      this.#space.refillBallast(this.#clock.mono());
      if (!this.#trouble) return;
      this.#trouble = false;
      this.#failingSinceMs = undefined;
      this.#onTrouble(undefined);
      this.#wake();
    } catch (error) {
      this.#troubled(error);
      this.#dropped += this.#intake.shed();
    }
  }

  /** Said, and tried again. @throws what is no error of the database. */
  #troubled(error: unknown): void {
    if (!(error instanceof Error) || !(codeOf(error)?.startsWith('SQLITE_') || isDiskFull(error))) throw error;
    this.#trouble = true;
    this.#failingSinceMs = isDiskFull(error) ? undefined : (this.#failingSinceMs ?? this.#clock.mono());
    this.#onTrouble(error);
    this.#intake.within(RETRY_MS);
  }

  /** Alerts may use the last of the room; for anything else the oldest goes first. Where the disk itself is full, so does the ballast. */
  #flushMakingRoom(): void {
    this.#intake.begun();
    if (this.#intake.rows.some(({ row }) => row.class !== 'alert') && this.#space.isNearlyFull()) this.#evict();
    for (let tries = 0; ; tries++) {
      try {
        this.flush();
        return;
      } catch (error) {
        if (!isDiskFull(error) || tries >= EVICTION_ROUNDS) throw error;
        const helped = tries === 0 || this.#space.releaseBallast() || this.#evict();
        if (!helped) throw error;
        this.#reuseWal();
      }
    }
  }

  /** Once the WAL is copied into the database it is written from its beginning again, over blocks it has: that needs no room. */
  #reuseWal(): void {
    try {
      this.#store.checkpoint();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  #evict(): boolean {
    const eviction = nextEviction(this.#store, this.#ledger);
    if (eviction === undefined || eviction === 'delivered') return eviction !== undefined;
    const record = this.#ledger.at(eviction.outbox);
    if (!record) return false;
    this.#giveUp(record, eviction.ranges, 'space');
    return true;
  }

  #tellClockSet(): void {
    for (const { ranges, offsetMs } of this.#ledger.untrusted.settle(this.#clock.wall(), this.#clock.mono())) {
      const body: EventBody = { kind: 'clock_set', of: this.id, boot: this.#lifetime.boot, ranges, offset_ms: offsetMs };
      this.append({ class: 'event', body });
    }
  }

  #countCommitted(rows: readonly WaitingRow[]): void {
    const now = this.#clock.mono();
    for (const { row, at, mono } of rows) {
      if (row.class !== 'alert') continue;
      if (row.extra?.stamp !== undefined) this.#figures.alert('stamp', at - row.extra.stamp);
      this.#figures.alert('commit', now - mono);
    }
  }

  #came(hop: 'puback' | 'receipt', times: readonly number[]): void {
    const now = this.#clock.wall();
    for (const at of times) this.#figures.alert(hop, now - at);
  }

  #noteCommitted(rows: readonly WaitingRow[]): void {
    for (const { row } of rows) if ('channel' in row) this.#latest.set(row.channel, JSON.stringify(row.value));
    this.#stateSeq = this.accepted;
    this.#wake();
  }

  /** Rows go undelivered, and in the same transaction stands which. */
  #giveUp(record: OutboxRecord, ranges: Ranges, reason: 'age' | 'space' | 'poison'): void {
    const declaration = this.#declaration(record, ranges, reason);
    this.#ledger.giveUp(record, ranges, declaration);
    this.#evictedBy[reason] += count(ranges);
    this.#noteCommitted([declaration]);
  }

  #declaration(record: OutboxRecord, ranges: Ranges, reason: 'age' | 'space' | 'poison' | 'released'): WaitingRow {
    const body: EventBody = { kind: 'evicted', of: record.id, ranges, reason };
    return this.#stamped({ class: 'event', body });
  }
}

/** @returns false where the disk, or the room the file may take, is full. @throws any other error */
function whereRoom(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return false;
  }
}
