// Chooses the rows to send next: the oldest rows of a class that are neither in flight nor acknowledged. Rows that were just committed
// are not read back from the disk. A class without free rows is not searched.

import { crashPoint } from '../base/index.ts';
import type { Range } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';
import type { Outboxes } from './outboxes.ts';
import type { Publications } from './publications.ts';
import { channelOf, classNumber, fitting, ROW_CLASSES, type RowClass, type StoredRow } from './rows.ts';
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
  /** Limit for the text of all rows. A claim may exceed it with its only row. */
  readonly maxBytes: number;
  /** For telemetry: `backlog` selects the rows up to the cutoff, `live` the rows after it. */
  readonly track?: { readonly kind: 'backlog' | 'live'; readonly cutoff: number };
}

/** Up to this many committed rows of a class stay in memory until their claim: the most that one message can hold. */
const MAX_FRESH = 1_000;

export class Claims {
  readonly #store: Store;
  readonly #publications: Publications;
  readonly #outboxes: Outboxes;
  /** Classes that may have a free row. */
  readonly #maybeFree = new Set<RowClass>(ROW_CLASSES);
  /** Classes whose free rows are exactly these rows, just committed: an alert is sent without reading it back. */
  readonly #fresh = new Map<RowClass, StoredRow[]>();
  /** The last cutoff below which no backlog was left. New rows always get higher numbers. */
  #drainedTo: number | undefined;
  /** The number of accepted rows when no live row was left. */
  #liveTo: number | undefined;

  constructor(store: Store, publications: Publications, outboxes: Outboxes) {
    this.#store = store;
    this.#publications = publications;
    this.#outboxes = outboxes;
  }

  /** Claims the oldest free rows of a class: they are in flight from now on. */
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

  /** Keeps a new row in memory for its claim if its class has no other free row. Telemetry is read when its message is due. */
  committed({ row, body, at }: WaitingRow, seq: number): void {
    if (row.class !== 'telemetry') {
      if (!this.#maybeFree.has(row.class)) this.#fresh.set(row.class, []);
      const fresh = this.#fresh.get(row.class);
      if (fresh && fresh.length < MAX_FRESH) fresh.push({ seq, at, channel: channelOf(row), body });
      else this.#fresh.delete(row.class);
    }
    this.#maybeFree.add(row.class);
  }

  /** Notes that claimed or acknowledged rows of a class are free again. */
  freed(rowClass: RowClass): void {
    this.#maybeFree.add(rowClass);
    this.#fresh.delete(rowClass);
    this.#drainedTo = undefined;
    this.#liveTo = undefined;
  }

  /** Reads free rows from the disk again: after a removal the rows in memory may no longer exist. */
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
