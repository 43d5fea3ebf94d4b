// Chooses the rows to send next: the oldest rows of a class that are neither in flight nor acknowledged. Rows that were just committed
// are not read back from the disk, and a class that is known to be empty is not searched.

import { crashPoint } from '../base/index.ts';
import type { Range } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';
import type { Lanes } from './lanes.ts';
import type { Records } from './records.ts';
import { classNumber, fitting, ROW_CLASSES, type RowClass, type StoredRow } from './rows.ts';
import type { OutboxRecord, Store } from './store.ts';

/** Rows in flight. Each claim ends exactly once: as published, failed or refused. */
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
  /** Limit for the text of all rows. A claim has at least one row in any case. */
  readonly maxBytes: number;
  /** Telemetry: only what was accepted up to here (backlog), or only what came after (live). */
  readonly track?: { readonly kind: 'backlog' | 'live'; readonly cutoff: number };
}

/** Rows of a class kept in memory until they are claimed: what a message holds at most. Beyond, they are read back. */
const MAX_FRESH = 1_000;

export class Claims {
  readonly #store: Store;
  readonly #lanes: Lanes;
  readonly #records: Records;
  /** Classes of which a row may be free. */
  readonly #maybe = new Set<RowClass>(ROW_CLASSES);
  /** Classes of which the free rows are exactly these, just committed: an alert leaves without being read back. */
  readonly #fresh = new Map<RowClass, StoredRow[]>();
  /** The cutoff below which no backlog was left: new rows come after it. */
  #drainedTo: number | undefined;
  /** How many rows there were when no live one was left. */
  #liveTo: number | undefined;

  constructor(store: Store, lanes: Lanes, records: Records) {
    this.#store = store;
    this.#lanes = lanes;
    this.#records = records;
  }

  /** The next rows of a class that are neither on their way nor acknowledged, oldest first; they count as on their way. */
  next(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const backlogTo = limits.track?.kind === 'backlog' ? limits.track.cutoff : undefined;
    if (!this.#maybe.has(rowClass) || (backlogTo !== undefined && backlogTo === this.#drainedTo)) return undefined;
    const fresh = limits.track === undefined ? this.#claimFresh(rowClass, limits) : undefined;
    if (fresh) return fresh;
    const live = limits.track?.kind === 'live';
    if (live && this.#liveTo === this.#records.open.accepted) return undefined;
    for (const record of live ? [this.#records.open] : this.#records.all) {
      const upTo = backlogTo !== undefined && record === this.#records.open ? backlogTo : record.accepted;
      const claim = this.#claimOf(record, rowClass, [live ? limits.track.cutoff + 1 : 1, upTo], limits);
      if (claim) return claim;
    }
    if (limits.track === undefined) this.#maybe.delete(rowClass);
    else if (backlogTo !== undefined) this.#drainedTo = backlogTo;
    else this.#liveTo = this.#records.open.accepted;
    return undefined;
  }

  /** If no other row of its class is free, a new row stays in memory for its claim. Telemetry is read when its message is due. */
  committed({ row, body, at }: WaitingRow, seq: number): void {
    if (row.class !== 'telemetry') {
      if (!this.#maybe.has(row.class)) this.#fresh.set(row.class, []);
      const fresh = this.#fresh.get(row.class);
      if (fresh && fresh.length < MAX_FRESH) fresh.push({ seq, at, channel: 'channel' in row ? row.channel : '', body });
      else this.#fresh.delete(row.class);
    }
    this.#maybe.add(row.class);
  }

  /** Rows of a class are free again, wherever they stand. */
  freed(rowClass: RowClass): void {
    this.#maybe.add(rowClass);
    this.#fresh.delete(rowClass);
    this.#drainedTo = undefined;
    this.#liveTo = undefined;
  }

  /** Rows went: what is free is read again. */
  forgetFresh(): void {
    this.#fresh.clear();
  }

  #claimFresh(rowClass: RowClass, limits: ClaimLimits): Claim | undefined {
    const fresh = this.#fresh.get(rowClass);
    if (fresh === undefined) return undefined;
    this.#fresh.delete(rowClass);
    const rows = fitting(fresh.slice(0, limits.maxRows), limits.maxBytes);
    if (rows.length < fresh.length) this.#fresh.set(rowClass, fresh.slice(rows.length));
    else this.#maybe.delete(rowClass);
    return this.#take(this.#records.open, rowClass, rows);
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
}
