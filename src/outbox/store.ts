// The statements behind the outbox: no decisions, only what stands in the tables.
import type { Statement } from 'better-sqlite3';
import type { Range, Ranges, ReadingExtra } from '../wire/index.ts';
import type { Publication } from './lanes.ts';
import { classNumber, decodeReading, fitting, ROW_CLASSES, type RowClass, type StoredRow } from './rows.ts';
import type { Db } from './schema.ts';

export interface OutboxRecord {
  readonly ordinal: number;
  readonly id: string;
  accepted: number;
  covered: Ranges;
  gone: Ranges;
}

interface NewStoredRow {
  readonly channel: string;
  readonly body: string;
  readonly at: number;
  readonly mono: number;
  readonly trusted: boolean;
}

const ALERT = classNumber('alert');
const EVENT = classNumber('event');

export class Store {
  readonly #db: Db;
  readonly #onCommit: (ms: number) => void;
  readonly #statements = new Map<string, Statement>();

  /** @param onCommit told how long each transaction took, in milliseconds. */
  constructor(db: Db, onCommit: (ms: number) => void = () => {}) {
    this.#db = db;
    this.#onCommit = onCommit;
  }

  /** All or nothing; a transaction inside one is part of it. */
  transaction(work: () => void): void {
    const isWhole = !this.#db.inTransaction;
    const beganMs = performance.now();
    this.#db.transaction(work).immediate();
    if (isWhole) this.#onCommit(performance.now() - beganMs);
  }

  /** @param keep ids that stay known although they never assigned a number, as far as the file knows. */
  openNew(id: string, boot: number, openedAt: number, keep: readonly string[]): OutboxRecord {
    // Any other such opening has nothing to answer for.
    this.#run('delete from outboxes where accepted = 0 and id not in (select value from json_each(?))', JSON.stringify(keep));
    const ordinal = Number(this.#value('select coalesce(max(ordinal), 0) + 1 from outboxes'));
    this.#run('insert into outboxes (ordinal, id, boot, opened_at) values (?, ?, ?, ?)', ordinal, id, boot, openedAt);
    return { ordinal, id, accepted: 0, covered: [], gone: [] };
  }

  outboxes(open: OutboxRecord): OutboxRecord[] {
    const rows = this.#all('select ordinal, id, accepted, covered, gone from outboxes where ordinal < ? order by ordinal', open.ordinal);
    const earlier = (rows as { ordinal: number; id: string; accepted: number; covered: string; gone: string }[]).map((row) => ({
      ...row,
      covered: JSON.parse(row.covered) as Ranges,
      gone: JSON.parse(row.gone) as Ranges,
    }));
    return [...earlier, open];
  }

  insert(rowClass: number, outbox: number, seq: number, row: NewStoredRow): void {
    this.#run(
      'insert into rows (class, outbox, seq, channel, body, at, mono, trusted) values (?, ?, ?, ?, ?, ?, ?, ?)',
      rowClass,
      outbox,
      seq,
      row.channel,
      row.body,
      row.at,
      row.mono,
      row.trusted ? 1 : 0,
    );
  }

  addToTally(rowClass: number, rows: number): void {
    this.#run('update tally set rows = rows + ? where class = ?', rows, rowClass);
  }

  tally(): Record<RowClass, number> {
    const counts = this.#all('select class, rows from tally order by class') as { class: number; rows: number }[];
    return Object.fromEntries(ROW_CLASSES.map((name, i) => [name, counts[i]?.rows ?? 0])) as Record<RowClass, number>;
  }

  /** Wall time of the first row of each class; null if the class has no row. */
  oldestAt(): Record<RowClass, number | null> {
    const first = (rowClass: number) =>
      (this.#value('select at from rows where class = ? order by class, outbox, seq limit 1', rowClass) as number | undefined) ?? null;
    return Object.fromEntries(ROW_CLASSES.map((name, rowClass) => [name, first(rowClass)])) as Record<RowClass, number | null>;
  }

  /** Wall times of the alerts of an outbox that are held in `ranges`. */
  alertTimes(ordinal: number, ranges: Ranges): number[] {
    return ranges.flatMap(([first, last]) => {
      const found = this.#all(`select at from rows where class = ${ALERT} and outbox = ? and seq between ? and ?`, ordinal, first, last);
      return (found as { at: number }[]).map(({ at }) => at);
    });
  }

  setAccepted(ordinal: number, accepted: number): void {
    this.#run('update outboxes set accepted = ? where ordinal = ?', accepted, ordinal);
  }

  /** Rows of a class from `first` to `last` within the limits, but at least one if there is a row. */
  rows(rowClass: number, outbox: number, first: number, last: number, limits: { maxRows: number; maxBytes: number }): StoredRow[] {
    const found = this.#all(
      'select seq, at, channel, body from rows where class = ? and outbox = ? and seq between ? and ? order by seq limit ?',
      rowClass,
      outbox,
      first,
      last,
      limits.maxRows,
    ) as StoredRow[];
    return fitting(found, limits.maxBytes);
  }

  /** The numbers of the rows of a class that are held from `first` to `last`. */
  numbers(rowClass: number, outbox: number, first: number, last: number): number[] {
    const found = this.#all('select seq from rows where class = ? and outbox = ? and seq between ? and ?', rowClass, outbox, first, last);
    return (found as { seq: number }[]).map(({ seq }) => seq);
  }

  publications(): Publication[] {
    const rows = this.#all('select class, outbox, first, last, ran_ms as ranMs, tries from publications order by class, outbox, first');
    return (rows as Omit<Publication, 'due'>[]).map((row) => ({ ...row, due: false }));
  }

  savePublication(publication: Publication): void {
    this.#run(
      'insert or replace into publications (class, outbox, first, last, ran_ms, tries) values (?, ?, ?, ?, ?, ?)',
      publication.class,
      publication.outbox,
      publication.first,
      publication.last,
      publication.ranMs,
      publication.tries,
    );
  }

  deletePublication({ class: rowClass, outbox, first }: Publication): void {
    this.#run('delete from publications where class = ? and outbox = ? and first = ?', rowClass, outbox, first);
  }

  /** Removes delivered rows. Their alerts stay readable for a while unless `keepAlertsRanMs` is undefined. */
  deliver(ordinal: number, delivered: Ranges, covered: Ranges, keepAlertsRanMs: number | undefined): void {
    for (const [first, last] of keepAlertsRanMs === undefined ? [] : delivered) {
      this.#run(
        `insert or ignore into delivered_alerts (outbox, seq, channel, body, at, ran_ms)
         select outbox, seq, channel, body, at, ? from rows where class = ${ALERT} and outbox = ? and seq between ? and ?`,
        keepAlertsRanMs,
        ordinal,
        first,
        last,
      );
    }
    this.#deleteRows(ordinal, delivered);
    this.#run('update outboxes set covered = ? where ordinal = ?', JSON.stringify(covered), ordinal);
  }

  /** Given up: rows go, and `gone` remembers which. */
  remove(ordinal: number, ranges: Ranges, gone: Ranges): void {
    this.#deleteRows(ordinal, ranges);
    this.#run('update outboxes set gone = ? where ordinal = ?', JSON.stringify(gone), ordinal);
  }

  /** Rows of an outbox that declarations still held name as evicted. */
  declared(id: string): Ranges {
    const events = this.#events('evicted') as { of: string; ranges: Range[] }[];
    return events.filter((event) => event.of === id).flatMap((event) => event.ranges);
  }

  /** The outboxes that held declarations say were closed. */
  closed(): string[] {
    return (this.#events('outbox_closed') as { old: string }[]).map(({ old }) => old);
  }

  /** Numbers of the telemetry rows of an outbox that are older than a wall time, a thousand at most. */
  olderThan(ordinal: number, at: number): number[] {
    const oldest = this.#all(
      `select seq from (select seq, at from rows where class = ${classNumber('telemetry')} and outbox = ? order by seq limit 1000)
       where at < ?`,
      ordinal,
      at,
    );
    return (oldest as { seq: number }[]).map(({ seq }) => seq);
  }

  /** Numbers of the oldest rows of a class, by outbox. Declarations of what was evicted go last of all, so they are passed over. */
  oldest(rowClass: number, limit: number): { outbox: number; seq: number }[] {
    return this.#all(
      `select outbox, seq from rows where class = ? and body not like '"kind":"evicted"%' order by outbox, seq limit ?`,
      rowClass,
      limit,
    ) as { outbox: number; seq: number }[];
  }

  /** @returns how many delivered alerts went. */
  dropOldestDelivered(limit: number): number {
    return this.#run(
      'delete from delivered_alerts where (outbox, seq) in (select outbox, seq from delivered_alerts order by outbox, seq limit ?)',
      limit,
    );
  }

  lastAlerts(): Map<string, ReadingExtra> {
    const rows = this.#all(
      `select channel, body from (
         select channel, body, outbox, seq from rows where class = ${ALERT}
         union all select channel, body, outbox, seq from delivered_alerts
       ) order by outbox, seq`,
    ) as { channel: string; body: string }[];
    return new Map(rows.map(({ channel, body }) => [channel, decodeReading(body).extra]));
  }

  /** An alert that stands is kept, however old: a restart has to know of it. */
  dropDeliveredAlerts(beforeRanMs: number): void {
    this.#run(
      `delete from delivered_alerts as old where ran_ms < ? and (body not like '%"alert":"raised"%' or exists (
         select 1 from delivered_alerts later where later.channel = old.channel and (later.outbox, later.seq) > (old.outbox, old.seq)))`,
      beforeRanMs,
    );
  }

  /** Copies the WAL into the database, as far as no reader uses it. The WAL keeps its blocks: writing over them works on a full disk, too. */
  checkpoint(): void {
    this.#db.pragma('wal_checkpoint(PASSIVE)');
  }

  /** Held events of a kind. A text that a damaged page took away says nothing. */
  #events(kind: 'evicted' | 'outbox_closed'): unknown[] {
    const bodies = this.#all(
      `select body from rows where class = ${EVENT} and body like '"kind":"${kind}"%' and json_valid('{' || body || '}')`,
    ) as { body: string }[];
    return bodies.map(({ body }) => JSON.parse(`{${body}}`));
  }

  #deleteRows(ordinal: number, ranges: Ranges): void {
    for (const name of ROW_CLASSES) {
      let deleted = 0;
      for (const [first, last] of ranges) {
        const rowClass = classNumber(name);
        deleted += this.#run('delete from rows where class = ? and outbox = ? and seq between ? and ?', rowClass, ordinal, first, last);
      }
      if (deleted > 0) this.addToTally(classNumber(name), -deleted);
    }
  }

  #prepare(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const fresh = this.#db.prepare(sql);
    this.#statements.set(sql, fresh);
    return fresh;
  }

  #run(sql: string, ...values: unknown[]): number {
    return this.#prepare(sql).run(...values).changes;
  }

  #all(sql: string, ...values: unknown[]): unknown[] {
    return this.#prepare(sql).all(...values);
  }

  #value(sql: string, ...values: unknown[]): unknown {
    return this.#prepare(sql)
      .pluck()
      .get(...values);
  }
}
