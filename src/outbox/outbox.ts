// The one queue through which everything leaves the robot. What it promises stands in README.md beside this file.
import type { Clock, Lifetime } from '../clock/index.ts';
import { crashPoint } from '../crashPoint.ts';
import { AgentError, codeOf } from '../errors.ts';
import { type EventBody, type EvictionReason, type ReadingExtra, type Receipt, rangesOf } from '../wire/index.ts';
import { applyReceipt } from './apply.ts';
import { type Parts, takeCare } from './care.ts';
import { Counts, type OutboxFigures, UNCOUNTED } from './figures.ts';
import { GivingUp } from './givingUp.ts';
import { Intake, type WaitingRow } from './intake.ts';
import { type Claim, type ClaimLimits, Ledger } from './ledger.ts';
import { Room, whereRoom } from './room.ts';
import { classNumber, encodeBody, type NewRow, type RowClass } from './rows.ts';
import type { Db } from './schema.ts';
import { isDiskFull, type Space } from './space.ts';
import { Store } from './store.ts';

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

/** What failed is tried again after this. */
const RETRY_MS = 1_000;

export class Outbox {
  readonly id: string;
  readonly #store: Store;
  readonly #ledger: Ledger;
  readonly #intake: Intake;
  readonly #counts: Counts;
  readonly #givingUp: GivingUp;
  readonly #room: Room;
  readonly #space: Space;
  readonly #clock: Clock;
  readonly #lifetime: Lifetime;
  readonly #groupMs: number;
  readonly #onTrouble: OutboxOptions['onTrouble'];
  readonly #latest = new Map<string, string>();
  #stateSeq = 0;
  #dropped = 0;
  #trouble = false;
  #failingSinceMs: number | undefined;
  #closed = false;
  #wake: () => void = () => {};

  constructor(options: OutboxOptions) {
    this.id = options.id;
    const figures = options.figures ?? UNCOUNTED;
    this.#counts = new Counts(figures, options.clock);
    this.#store = new Store(options.db, (ms) => figures.commit(ms));
    this.#ledger = new Ledger(this.#store);
    this.#intake = new Intake(() => this.#commitDue());
    this.#givingUp = new GivingUp(
      this.#ledger,
      this.#counts,
      (row) => this.#stamped(row),
      (rows) => this.#noteCommitted(rows),
    );
    this.#room = new Room(this.#store, this.#ledger, options.space, this.#givingUp);
    this.#space = options.space;
    this.#clock = options.clock;
    this.#lifetime = options.lifetime;
    this.#groupMs = options.groupMs;
    this.#onTrouble = options.onTrouble;
  }

  /**
   * Starts a new outbox id in the file and finds what earlier ones left, without reading any row.
   * @throws SQLite's error; where that was for want of room it may be called again.
   */
  start(): void {
    const { boot, outboxes, ranBeforeMs } = this.#lifetime;
    this.#ledger.start(this.id, boot, this.#clock.wall(), outboxes, ranBeforeMs);
  }

  /** Takes the ballast on board: once what a start has to write is written. */
  keepBallast(): void {
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
    return this.#counts.evictedBy.space;
  }

  /** Rows given up since the start, by the reason that the cloud was told. */
  get evictedBy(): Readonly<Record<EvictionReason, number>> {
    return { ...this.#counts.evictedBy };
  }

  /** Rows that a receipt of this start said to be in the cloud's database. */
  get confirmed(): number {
    return this.#counts.confirmed;
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
    this.#counts.committed(rows);
    if (rows.length > 0) this.#noteCommitted(rows);
    if (!this.#ledger.untrusted.isEmpty && this.#clock.trusted() && !this.#closed) this.#tellClockSet();
  }

  /** As {@link flush}; where the file or the disk is full, room is made for it first. @throws SQLite's error where that does not help */
  settle(): void {
    this.#room.commit(false, () => this.flush());
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
      this.#counts.alertsCame(
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
      this.#givingUp.now(record, rangesOf(claim.rows.map(({ seq }) => seq)), 'poison');
    } catch (error) {
      this.#troubled(error);
    }
  }

  /** Applies one page of a receipt, durably, before it returns. @throws SQLite's error; then nothing is applied. */
  receive(receipt: Receipt): ReceiptOutcome {
    const record = this.#ledger.named(receipt.outbox);
    if (!record) return 'unknown_outbox';
    try {
      // A file full of alerts takes no row, and only what a receipt lets go makes room: so it is applied in any case.
      whereRoom(() => this.flush());
      const applied = applyReceipt(this.#parts, record, receipt);
      if (!applied) return 'beyond_accepted';
      if (applied.declarations.length > 0) this.#noteCommitted(applied.declarations);
      else if (applied.resends) this.#wake();
      return 'applied';
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

  /** The last alert of each channel, written or not yet, delivered or not: whether it stands. */
  lastAlerts(): Map<string, ReadingExtra> {
    const last = this.#store.lastAlerts();
    for (const { row } of this.#intake.rows) if (row.class === 'alert') last.set(row.channel, row.extra ?? {});
    return last;
  }

  /** Rows held, by class: pending, and acknowledged but not yet confirmed. */
  depth(): Record<RowClass, number> {
    return this.#store.tally();
  }

  /** When the oldest row that is held of each class happened, by the wall clock of then; null where none is held. */
  oldestAt(): Record<RowClass, number | null> {
    return this.#store.oldestAt();
  }

  /** Regular care, once a minute. @param maxAgeMs of a row, by its wall time. @throws SQLite's error */
  tend(maxAgeMs: number): void {
    takeCare(this.#parts, maxAgeMs);
    this.#space.restoreBallast();
  }

  /** Commits what is left and lets go of the timers. The database itself belongs to the caller. */
  close(): void {
    this.#closed = true;
    this.flush();
  }

  get #parts(): Parts {
    const [store, ledger, givingUp, counts] = [this.#store, this.#ledger, this.#givingUp, this.#counts];
    return { store, ledger, givingUp, counts, clock: this.#clock, lifetime: this.#lifetime, ranMs: this.#ranMs() };
  }

  #ranMs(): number {
    return this.#lifetime.ranBeforeMs + this.#clock.mono();
  }

  #stamped(row: NewRow, within?: () => void): WaitingRow {
    const trusted = this.#clock.trusted();
    const marked = trusted || !('channel' in row) ? row : { ...row, extra: { ...row.extra, clock: 'untrusted' as const } };
    return { row, body: encodeBody(marked), at: this.#clock.wall(), mono: this.#clock.mono(), trusted, within };
  }

  #commitDue(): void {
    if (this.#closed) return;
    try {
      this.#intake.begun();
      const onlyAlerts = this.#intake.rows.every(({ row }) => row.class === 'alert');
      this.#room.commit(onlyAlerts, () => this.flush());
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

  #tellClockSet(): void {
    for (const { ranges, offsetMs } of this.#ledger.untrusted.settle(this.#clock.wall(), this.#clock.mono())) {
      const body: EventBody = { kind: 'clock_set', of: this.id, boot: this.#lifetime.boot, ranges, offset_ms: offsetMs };
      this.append({ class: 'event', body });
    }
  }

  #noteCommitted(rows: readonly WaitingRow[]): void {
    for (const { row } of rows) if ('channel' in row) this.#latest.set(row.channel, JSON.stringify(row.value));
    this.#stateSeq = this.accepted;
    this.#wake();
  }
}
