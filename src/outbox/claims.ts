// Chooses the rows to send next: a class's oldest free rows, which are those neither in flight nor acknowledged. Two shortcuts avoid disk
// reads: rows that have just been committed are still in memory, and a class known to have no free rows is not searched.

import { crashPoint } from '../base/index.ts';
import type { Range } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';
import type { Outboxes } from './outboxes.ts';
import type { Publications } from './publications.ts';
import type { OutboxRecord } from './records.ts';
import { channelOf, classNumber, fitting, ROW_CLASSES, type RowClass, type StoredRow } from './rows.ts';
import type { Store } from './store.ts';

/** Rows that have been handed out for publishing. The holder must end each claim exactly once: as published, failed or refused. */
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
  /** Limit on the total size of the rows' text. A single row that is larger still makes a claim by itself. */
  readonly maxBytes: number;
  /** For telemetry only. `backlog` selects rows up to and including the cutoff, `live` the rows after it. */
  readonly track?: { readonly kind: 'backlog' | 'live'; readonly cutoff: number };
}

/** How many committed rows of a class may stay in memory until they are claimed. No message holds more rows than this. */
const MAX_FRESH = 1_000;

export class Claims {
  readonly #store: Store;
  readonly #publications: Publications;
  readonly #outboxes: Outboxes;
  /** Classes that may have a free row. For all others, a search would be pointless. */
  readonly #maybeFree = new Set<RowClass>(ROW_CLASSES);
  /** The free rows of a class, if all of them are in memory. Lets a new alert be sent without reading it back from the disk. */
  readonly #fresh = new Map<RowClass, StoredRow[]>();
  /** The latest cutoff up to which no free row was left. New rows cannot change that, because they get higher numbers. */
  #drainedTo: number | undefined;
  /** The open outbox's `accepted` when a search last found no free live row. Until it grows, searching again is pointless. */
  #liveTo: number | undefined;

  constructor(store: Store, publications: Publications, outboxes: Outboxes) {
    this.#store = store;
    this.#publications = publications;
    this.#outboxes = outboxes;
  }

  /** Claims a class's oldest free rows and marks them as in flight. */
  next(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const backlogTo = limits.track?.kind === 'backlog' ? limits.track.cutoff : undefined;
    if (!this.#maybeFree.has(rowClass) || (backlogTo !== undefined && backlogTo === this.#drainedTo)) return undefined;
    const fresh = limits.track === undefined ? this.#claimFresh(rowClass, limits) : undefined;
    if (fresh) return fresh;
    const { open, all } = this.#outboxes;
    const live = limits.track?.kind === 'live';
    if (live && this.#liveTo === open.accepted) return undefined;
    for (const record of live ? [open] : all) {
      const upTo = backlogTo !== undefined && record === open ? backlogTo : record.accepted;
      const claim = this.#claimFrom(record, rowClass, [live ? limits.track.cutoff + 1 : 1, upTo], limits);
      if (claim) return claim;
    }
    if (limits.track === undefined) this.#maybeFree.delete(rowClass);
    else if (backlogTo !== undefined) this.#drainedTo = backlogTo;
    else this.#liveTo = open.accepted;
    return undefined;
  }

  /** Keeps a new row in memory if all other free rows of its class are in memory too. Telemetry is always read back from the disk. */
  committed({ row, body, at }: WaitingRow, seq: number): void {
    if (row.class !== 'telemetry') {
      if (!this.#maybeFree.has(row.class)) this.#fresh.set(row.class, []);
      const fresh = this.#fresh.get(row.class);
      if (fresh && fresh.length < MAX_FRESH) fresh.push({ seq, at, channel: channelOf(row), body });
      else this.#fresh.delete(row.class);
    }
    this.#maybeFree.add(row.class);
  }

  /** Must be called when claimed or acknowledged rows become free again. */
  freed(rowClass: RowClass): void {
    this.#maybeFree.add(rowClass);
    this.#fresh.delete(rowClass);
    this.#drainedTo = undefined;
    this.#liveTo = undefined;
  }

  /** Discards the rows in memory, because some may have been deleted from the database. Later claims read from the disk. */
  forgetFresh(): void {
    this.#fresh.clear();
  }

  #claimFresh(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const fresh = this.#fresh.get(rowClass);
    if (fresh === undefined) return undefined;
    this.#fresh.delete(rowClass);
    const rows = fitting(fresh.slice(0, limits.maxRows), limits.maxBytes);
    if (rows.length < fresh.length) this.#fresh.set(rowClass, fresh.slice(rows.length));
    else this.#maybeFree.delete(rowClass);
    return this.#claim(this.#outboxes.open, rowClass, rows);
  }

  #claim({ id, accepted, ordinal }: OutboxRecord, rowClass: RowClass, rows: readonly StoredRow[]): Claim | undefined {
    const [first, last] = [rows[0]?.seq, rows.at(-1)?.seq];
    if (first === undefined || last === undefined) return undefined;
    this.#publications.markInFlight(classNumber(rowClass), ordinal, [first, last]);
    crashPoint('rows_claimed');
    return { class: rowClass, outbox: { id, accepted }, ordinal, first, last, rows };
  }

  #claimFrom(record: OutboxRecord, rowClass: RowClass, [start, upTo]: Range, limits: ClaimLimits): Claim | undefined {
    const number = classNumber(rowClass);
    for (let from = start; ; ) {
      const [free, end] = this.#publications.nextFree(number, record.ordinal, from);
      if (free > upTo) return undefined;
      const claim = this.#claim(record, rowClass, this.#store.rows(number, record.ordinal, free, Math.min(end, upTo), limits));
      if (claim) return claim;
      if (end >= upTo) return undefined;
      from = end + 1;
    }
  }
}
