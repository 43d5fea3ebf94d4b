// The outbox's SQL statements. Policy, such as which rows to evict and when, belongs to the callers.
import type { Statement } from 'better-sqlite3';
import type { Range, Ranges, ReadingExtra } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';
import type { Publication } from './publications.ts';
import { type OutboxRecord, readOutboxes } from './records.ts';
import { channelOf, classNumber, decodeReading, fitting, isDeclaration, ROW_CLASSES, type RowClass, type StoredRow } from './rows.ts';
import type { Db } from './schema.ts';

const ALERT = classNumber('alert');
const EVENT = classNumber('event');

export class Store {
  readonly #db: Db;
  readonly #onCommit: (ms: number) => void;
  readonly #statements = new Map<string, Statement>();

  /** @param onCommit called with the duration of each transaction, in milliseconds. */
  constructor(db: Db, onCommit: (ms: number) => void = () => {}) {
    this.#db = db;
    this.#onCommit = onCommit;
  }

  /** Whether the database has not been closed. */
  get isOpen(): boolean {
    return this.#db.open;
  }

  /** Runs `work` atomically. A nested transaction becomes part of the outer one. */
  transaction(work: () => void): void {
    const isOutermost = !this.#db.inTransaction;
    const beganMs = performance.now();
    this.#db.transaction(work).immediate();
    if (isOutermost) this.#onCommit(performance.now() - beganMs);
  }

  /**
   * Adds an outbox and deletes earlier ones that never had a row.
   * @param keep ids to keep anyway, because the cloud may know of rows that this file has lost.
   */
  openNew(id: string, boot: number, openedAt: number, keep: readonly string[]): void {
    this.#run('delete from outboxes where accepted = 0 and id not in (select value from json_each(?))', JSON.stringify(keep));
    this.#run(
      'insert into outboxes (ordinal, id, boot, opened_at) select coalesce(max(ordinal), 0) + 1, ?, ?, ? from outboxes',
      id,
      boot,
      openedAt,
    );
  }

  /** Returns all outboxes of the file, oldest first. */
  outboxes(): OutboxRecord[] {
    return readOutboxes(this.#db);
  }

  insert(outbox: number, seq: number, { row, body, at, mono, trusted }: WaitingRow): void {
    this.#run(
      'insert into rows (class, outbox, seq, channel, body, at, mono, trusted) values (?, ?, ?, ?, ?, ?, ?, ?)',
      classNumber(row.class),
      outbox,
      seq,
      channelOf(row),
      body,
      at,
      mono,
      trusted ? 1 : 0,
    );
  }

  addToTally(rowClass: number, rows: number): void {
    this.#run('update tally set rows = rows + ? where class = ?', rows, rowClass);
  }

  tally(): Record<RowClass, number> {
    const counts = this.#column<number>('select rows from tally order by class');
    return Object.fromEntries(ROW_CLASSES.map((name, i) => [name, counts[i] ?? 0])) as Record<RowClass, number>;
  }

  /** Returns the wall time of each class's first row; null if the class has no rows. */
  oldestAt(): Record<RowClass, number | null> {
    const first = (rowClass: number) =>
      this.#column<number>('select at from rows where class = ? order by class, outbox, seq limit 1', rowClass)[0] ?? null;
    return Object.fromEntries(ROW_CLASSES.map((name, rowClass) => [name, first(rowClass)])) as Record<RowClass, number | null>;
  }

  /** Returns an outbox's alerts in `ranges`. */
  alerts(outbox: number, ranges: Ranges): { seq: number; at: number; channel: string }[] {
    const select = `select seq, at, channel from rows where class = ${ALERT} and outbox = ? and seq between ? and ?`;
    return ranges.flatMap(([first, last]) => this.#all<{ seq: number; at: number; channel: string }>(select, outbox, first, last));
  }

  /** Returns the alerts after a row, oldest first. */
  alertsAfter(outbox: number, seq: number): (StoredRow & { readonly outbox: number; readonly mono: number })[] {
    const select = `select outbox, seq, at, mono, channel, body from rows where class = ${ALERT} and (outbox, seq) > (?, ?)`;
    return this.#all(`${select} order by outbox, seq`, outbox, seq);
  }

  setAccepted(outbox: number, accepted: number): void {
    this.#run('update outboxes set accepted = ? where ordinal = ?', accepted, outbox);
  }

  /** Returns rows of a class from `first` to `last`, within the limits. The first row is returned even if it exceeds `maxBytes`. */
  rows(rowClass: number, outbox: number, first: number, last: number, limits: { maxRows: number; maxBytes: number }): StoredRow[] {
    const found = this.#all<StoredRow>(
      'select seq, at, channel, body from rows where class = ? and outbox = ? and seq between ? and ? order by seq limit ?',
      rowClass,
      outbox,
      first,
      last,
      limits.maxRows,
    );
    return fitting(found, limits.maxBytes);
  }

  /** Returns the numbers of a class's rows from `first` to `last`. */
  numbers(rowClass: number, outbox: number, first: number, last: number): number[] {
    return this.#column('select seq from rows where class = ? and outbox = ? and seq between ? and ?', rowClass, outbox, first, last);
  }

  publications(): Publication[] {
    const rows = this.#all<Omit<Publication, 'due'>>(
      'select class, outbox, first, last, ran_ms as ranMs, tries from publications order by class, outbox, first',
    );
    return rows.map((row) => ({ ...row, due: false }));
  }

  savePublication({ class: rowClass, outbox, first, last, ranMs, tries }: Publication): void {
    const insert = 'insert or replace into publications (class, outbox, first, last, ran_ms, tries) values (?, ?, ?, ?, ?, ?)';
    this.#run(insert, rowClass, outbox, first, last, ranMs, tries);
  }

  deletePublication({ class: rowClass, outbox, first }: Publication): void {
    this.#run('delete from publications where class = ? and outbox = ? and first = ?', rowClass, outbox, first);
  }

  /** Deletes delivered rows, but first copies the alerts to `delivered_alerts`, unless `keepAlertsRanMs` is undefined. */
  deliver(outbox: number, delivered: Ranges, covered: Ranges, keepAlertsRanMs: number | undefined): void {
    for (const [first, last] of keepAlertsRanMs === undefined ? [] : delivered) {
      this.#run(
        `insert or ignore into delivered_alerts (outbox, seq, channel, body, at, ran_ms)
         select outbox, seq, channel, body, at, ? from rows where class = ${ALERT} and outbox = ? and seq between ? and ?`,
        keepAlertsRanMs,
        outbox,
        first,
        last,
      );
    }
    this.#deleteRows(outbox, delivered);
    this.#run('update outboxes set covered = ? where ordinal = ?', JSON.stringify(covered), outbox);
  }

  /** Deletes evicted rows. @param gone the numbers of all rows of the outbox that are gone so far, including these. */
  evict(outbox: number, ranges: Ranges, gone: Ranges): void {
    this.#deleteRows(outbox, ranges);
    // SQLite writes a new text before it frees the old one. A full file has no space for two
    // texts of many single rows.
    this.#run(`update outboxes set gone = '[]' where ordinal = ?`, outbox);
    this.#run('update outboxes set gone = ? where ordinal = ?', JSON.stringify(gone), outbox);
  }

  /** Returns an outbox's rows that are named by declarations still in the file. */
  declaredRows(id: string): Ranges {
    const events = this.#events('evicted') as { of: string; ranges: Range[] }[];
    return events.filter((event) => event.of === id).flatMap((event) => event.ranges);
  }

  /** Whether the rows of an outbox in `ranges` include one that declares other rows as gone. */
  holdsDeclaration(outbox: number, ranges: Ranges): boolean {
    const select = `select body from rows where class = ${classNumber('event')} and outbox = ? and seq between ? and ?`;
    return ranges.some(([first, last]) => this.#all<{ body: string }>(select, outbox, first, last).some(isDeclaration));
  }

  /** Returns the ids of closed outboxes whose declarations are still in the file. */
  closedOutboxes(): string[] {
    return (this.#events('outbox_closed') as { old: string }[]).map(({ old }) => old);
  }

  /** Returns the numbers of an outbox's telemetry rows accepted before the wall time `at`. Looks only at the first 1,000 rows. */
  olderThan(outbox: number, at: number): number[] {
    return this.#column(
      `select seq from (select seq, at from rows where class = ${classNumber('telemetry')} and outbox = ? order by seq limit 1000)
       where at < ?`,
      outbox,
      at,
    );
  }

  /** Returns a class's oldest rows that may be evicted. Declarations are omitted, because they must reach the cloud. */
  oldest(rowClass: number, limit: number): { outbox: number; seq: number }[] {
    const isOther = `body not like '"kind":"evicted"%' and body not like '"kind":"outbox_closed"%'`;
    return this.#all(`select outbox, seq from rows where class = ? and ${isOther} order by outbox, seq limit ?`, rowClass, limit);
  }

  /** Number of declarations of evicted rows. */
  countEvictedDeclarations(): number {
    return this.#column<number>(`select count(*) from rows where class = ${EVENT} and body like '"kind":"evicted"%'`)[0] ?? 0;
  }

  /** Returns the declarations of evicted rows, oldest first, each with its own name. Skips invalid JSON. */
  evictedDeclarations(): { outbox: number; seq: number; body: string }[] {
    return this.#all(
      `select outbox, seq, '{' || body || '}' as body from rows
       where class = ${EVENT} and body like '"kind":"evicted"%' and json_valid('{' || body || '}') order by outbox, seq`,
    );
  }

  /** Deletes the oldest delivered alerts. @returns how many were deleted. */
  dropOldestDelivered(limit: number): number {
    return this.#run(
      'delete from delivered_alerts where (outbox, seq) in (select outbox, seq from delivered_alerts order by outbox, seq limit ?)',
      limit,
    );
  }

  /**
   * Deletes the oldest ids of commands that have ended. Only for an alert that finds no other space, in a file in which an earlier version
   * has kept more ids than the journal's limits. @returns how many were deleted.
   */
  dropOldestCommands(limit: number): number {
    return this.#run(
      `delete from commands where id in (select id from commands where state <> 'started' order by state <> 'refused', ran_ms limit ?)`,
      limit,
    );
  }

  lastAlerts(): Map<string, ReadingExtra> {
    const rows = this.#all<{ channel: string; body: string }>(
      `select channel, body from (
         select channel, body, outbox, seq from rows where class = ${ALERT}
         union all select channel, body, outbox, seq from delivered_alerts
       ) order by outbox, seq`,
    );
    return new Map(rows.map(({ channel, body }) => [channel, decodeReading(body).extra]));
  }

  /** Deletes old delivered alerts. An alert that is still raised is kept, however old, because a restarted agent restores its state. */
  dropDeliveredAlerts(beforeRanMs: number): void {
    this.#run(
      `delete from delivered_alerts as old where ran_ms < ? and (body not like '%"alert":"raised"%' or exists (
         select 1 from delivered_alerts later where later.channel = old.channel and (later.outbox, later.seq) > (old.outbox, old.seq)))`,
      beforeRanMs,
    );
  }

  /** Checkpoints as much as readers permit. PASSIVE does not truncate the WAL, so it can still be written to when the disk is full. */
  checkpoint(): void {
    this.#db.pragma('wal_checkpoint(PASSIVE)');
  }

  /** Returns the events of a kind. Skips invalid JSON, because a broken page may have garbled the text. */
  #events(kind: 'evicted' | 'outbox_closed'): unknown[] {
    const bodies = this.#column<string>(
      `select body from rows where class = ${EVENT} and body like '"kind":"${kind}"%' and json_valid('{' || body || '}')`,
    );
    return bodies.map((body) => JSON.parse(`{${body}}`));
  }

  #deleteRows(outbox: number, ranges: Ranges): void {
    for (const rowClass of ROW_CLASSES.keys()) {
      let deleted = 0;
      for (const [first, last] of ranges)
        deleted += this.#run('delete from rows where class = ? and outbox = ? and seq between ? and ?', rowClass, outbox, first, last);
      if (deleted > 0) this.addToTally(rowClass, -deleted);
    }
  }

  #prepare(sql: string): Statement {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #run(sql: string, ...values: unknown[]): number {
    return this.#prepare(sql).run(...values).changes;
  }

  #all<T>(sql: string, ...values: unknown[]): T[] {
    return this.#prepare(sql).all(...values) as T[];
  }

  /** Returns the first column of the result. */
  #column<T = number>(sql: string, ...values: unknown[]): T[] {
    return this.#prepare(sql)
      .pluck()
      .all(...values) as T[];
  }
}
