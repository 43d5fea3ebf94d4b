// The one queue through which everything leaves the robot. What it promises stands in README.md beside this file.
import type { Clock } from '../clock/index.ts';
import type { Lifetime } from '../state/index.ts';
import { type EvictionReason, type ReadingExtra, type Receipt, rangesOf } from '../wire/index.ts';
import { applyReceipt } from './apply.ts';
import { type Parts, takeCare } from './care.ts';
import type { Claim, ClaimLimits } from './claims.ts';
import { Counts, type OutboxFigures, UNCOUNTED } from './figures.ts';
import { GivingUp } from './givingUp.ts';
import type { WaitingRow } from './intake.ts';
import { Latest, type LatestValues } from './latest.ts';
import { Ledger } from './ledger.ts';
import { Room, whereRoom } from './room.ts';
import { classNumber, type NewRow, type RowClass } from './rows.ts';
import type { Db } from './schema.ts';
import type { Space } from './space.ts';
import { Store } from './store.ts';
import { Trouble } from './trouble.ts';
import { Writer } from './writer.ts';

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

export class Outbox {
  readonly id: string;
  readonly #store: Store;
  readonly #ledger: Ledger;
  readonly #counts: Counts;
  readonly #givingUp: GivingUp;
  readonly #space: Space;
  readonly #clock: Clock;
  readonly #lifetime: Lifetime;
  readonly #trouble: Trouble;
  readonly #writer: Writer;
  readonly #latest = new Latest();
  #wake: () => void = () => {};

  constructor({ db, clock, lifetime, space, id, groupMs, onTrouble, figures = UNCOUNTED }: OutboxOptions) {
    this.id = id;
    this.#space = space;
    this.#clock = clock;
    this.#lifetime = lifetime;
    const onCommitted = (rows: readonly WaitingRow[]) => this.#committed(rows);
    const counts = new Counts(figures, clock);
    const store = new Store(db, (ms) => figures.commit(ms));
    const ledger = new Ledger(store);
    const trouble = new Trouble(clock, onTrouble);
    const givingUp = new GivingUp(ledger, counts, clock, onCommitted);
    const room = new Room(store, ledger, space, givingUp);
    this.#counts = counts;
    this.#store = store;
    this.#ledger = ledger;
    this.#trouble = trouble;
    this.#givingUp = givingUp;
    this.#writer = new Writer({ clock, lifetime, ledger, counts, room, space, trouble, groupMs, onCommitted });
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
    return this.#ledger.records.open.accepted;
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
    return this.#counts.dropped;
  }

  /** For how long the database has refused every write, other than for want of room; undefined while it takes them. */
  get failingForMs(): number | undefined {
    return this.#trouble.failingForMs;
  }

  /** Rows neither covered nor given up, over all outboxes. */
  get unconfirmed(): number {
    return this.#ledger.records.unconfirmed;
  }

  /**
   * Takes a row. Telemetry is committed within the group time, all else at the end of the running callback.
   * @param within runs inside the row's own transaction; it may be run again where that failed.
   */
  append(row: NewRow, within?: () => void): void {
    this.#writer.append(row, within);
  }

  /** Readings and events that have no number yet. Results are not among them: the command journal answers for theirs. */
  get unwritten(): readonly WaitingRow[] {
    return this.#writer.unwritten;
  }

  /** Takes over what an outbox could not write any more, with its times. */
  adopt(rows: readonly WaitingRow[]): void {
    this.#writer.adopt(rows);
  }

  /**
   * Commits everything appended so far, and what was acknowledged since the last commit, in one transaction.
   * @throws SQLite's error; the rows stay in memory and are tried again with the next ones.
   */
  flush(): void {
    this.#writer.flush();
  }

  /** As {@link flush}; where the file or the disk is full, room is made for it first. @throws SQLite's error where that does not help */
  settle(): void {
    this.#writer.settle();
  }

  latest(): LatestValues {
    const { stateSeq, values } = this.#latest;
    return { stateSeq, values };
  }

  /**
   * The next rows of a class that are neither on their way nor acknowledged, oldest first; they count as on their way. None where
   * the database cannot be read just now: that is told, and tried again.
   */
  claim(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    try {
      return this.#ledger.claims.next(rowClass, limits);
    } catch (error) {
      this.#writer.troubled(error);
      return undefined;
    }
  }

  /** Whether a row of this class is neither on its way nor acknowledged. */
  hasFree(rowClass: RowClass): boolean {
    const claim = this.claim(rowClass, { maxRows: 1, maxBytes: 1 });
    if (claim) this.failed(claim);
    return claim !== undefined;
  }

  /** Whether a row of this class was given to the link and is not acknowledged yet. */
  isOnItsWay(rowClass: RowClass): boolean {
    return this.#ledger.lanes.isOnItsWay(classNumber(rowClass));
  }

  /** The broker acknowledged a claim. Written down with the next commit: a crash before costs a second delivery. */
  published(claim: Claim): void {
    this.#ledger.published(claim, this.#ranMs());
    if (claim.class === 'alert')
      this.#counts.alertsCame(
        'puback',
        claim.rows.map(({ at }) => at),
      );
    this.#writer.acknowledged();
  }

  /** A claim was not acknowledged: its rows are free again. */
  failed(claim: Claim): void {
    this.#ledger.free(claim);
  }

  /** The broker will never take a claim's rows: they are given up as poison, and declared. */
  refused(claim: Claim): void {
    this.#ledger.free(claim);
    const record = this.#ledger.records.at(claim.ordinal);
    if (!record) return;
    try {
      this.#givingUp.now(record, rangesOf(claim.rows.map(({ seq }) => seq)), 'poison');
    } catch (error) {
      this.#writer.troubled(error);
    }
  }

  /** Applies one page of a receipt, durably, before it returns. @throws SQLite's error; then nothing is applied. */
  receive(receipt: Receipt): ReceiptOutcome {
    const record = this.#ledger.records.named(receipt.outbox);
    if (!record) return 'unknown_outbox';
    try {
      // A file full of alerts takes no row, and only what a receipt lets go makes room: so it is applied in any case.
      whereRoom(() => this.flush());
      const applied = applyReceipt(this.#parts, record, receipt);
      if (!applied) return 'beyond_accepted';
      if (applied.declarations.length > 0) this.#committed(applied.declarations);
      else if (applied.resends) this.#wake();
      return 'applied';
    } catch (error) {
      this.#writer.troubled(error);
      throw error;
    }
  }

  /** The outboxes a presence names: open, or still held, or not fully covered, or not heard of since they were open. */
  answeredFor(): [id: string, accepted: number][] {
    return this.#ledger.records.answeredFor();
  }

  /** The outboxes of which the cloud still has to hear something. Kept outside the file, so that they can be declared when it is lost. */
  owed(): string[] {
    return [...this.answeredFor().map(([id]) => id), ...this.#store.closed()];
  }

  /** How long the oldest acknowledged row, or an earlier outbox, has waited for a receipt, in milliseconds of running time. */
  oldestUncoveredMs(): number | undefined {
    const oldest = this.#ledger.lanes.oldestRanMs();
    if (oldest !== undefined) return this.#ranMs() - oldest;
    return this.#ledger.records.hasUnheard ? this.#clock.mono() : undefined;
  }

  /** The last alert of each channel, written or not yet, delivered or not: whether it stands. */
  lastAlerts(): Map<string, ReadingExtra> {
    const last = this.#store.lastAlerts();
    for (const { row } of this.#writer.waiting) if (row.class === 'alert') last.set(row.channel, row.extra ?? {});
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
    this.#writer.close();
  }

  get #parts(): Parts {
    const [store, ledger, givingUp, counts] = [this.#store, this.#ledger, this.#givingUp, this.#counts];
    return { store, ledger, givingUp, counts, clock: this.#clock, lifetime: this.#lifetime, ranMs: this.#ranMs() };
  }

  #ranMs(): number {
    return this.#lifetime.ranBeforeMs + this.#clock.mono();
  }

  #committed(rows: readonly WaitingRow[]): void {
    this.#latest.committed(rows, this.accepted);
    this.#wake();
  }
}
