// Buffers new rows in memory and schedules their commit. The buffer is bounded in case every write fails for a long time.
import type { Clock } from '../clock/index.ts';
import { encodeBody, type NewRow, ROW_CLASSES } from './rows.ts';

export interface WaitingRow {
  readonly row: NewRow;
  readonly body: string;
  readonly at: number;
  readonly mono: number;
  readonly trusted: boolean;
  /** Runs in the transaction that inserts the row. */
  readonly within: (() => void) | undefined;
}

/**
 * Encodes a row and stamps it with the current times. If the wall clock is not trusted, the body of a reading says so.
 * @param isVolatile whether an alert must say that it is in memory only.
 */
export function stamped(row: NewRow, clock: Clock, isVolatile: boolean, within?: () => void): WaitingRow {
  const trusted = clock.trusted();
  return { row, body: bodyOf(row, trusted, isVolatile), at: clock.wall(), mono: clock.mono(), trusted, within };
}

/** Returns a row that another outbox could not write, as a row of this one. It keeps its times. */
export function restamped(waiting: WaitingRow, isVolatile: boolean): WaitingRow {
  return { ...waiting, body: bodyOf(waiting.row, waiting.trusted, isVolatile) };
}

function bodyOf(row: NewRow, trusted: boolean, isVolatile: boolean): string {
  if (!('channel' in row)) return encodeBody(row);
  const clock = trusted ? {} : { clock: 'untrusted' as const };
  return encodeBody({
    ...row,
    extra: { ...row.extra, ...clock, ...(isVolatile && row.class === 'alert' ? { volatile: true as const } : {}) },
  });
}

/** Limit on the rows that wait for a commit (about 5 MB). Beyond it, the oldest telemetry is dropped, then events, results and alerts. */
const MAX_WAITING = 20_000;

export class Intake {
  readonly #commit: () => void;
  #rows: WaitingRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isSoon = false;

  /** @param commit called when a commit is due; must not throw. */
  constructor(commit: () => void) {
    this.#commit = commit;
  }

  get rows(): readonly WaitingRow[] {
    return this.#rows;
  }

  add(row: WaitingRow): void {
    this.#rows.push(row);
  }

  /** Schedules a commit as a microtask, so that all samples taken in one ROS wake-up share a transaction. */
  commitSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    queueMicrotask(() => {
      if (this.#isSoon) this.#commit();
    });
  }

  /** Schedules a commit at most `ms` from now. Rows that are added before then are part of it. */
  commitWithin(ms: number): void {
    this.#timer ??= setTimeout(() => this.#commit(), ms).unref();
  }

  /** Cancels any scheduled commit. Every commit starts with this, because it writes all waiting rows anyway. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isSoon = false;
  }

  /** Removes rows that have been committed. */
  removeCommitted(rows: readonly WaitingRow[]): void {
    const committed = new Set(rows);
    this.#rows = this.#rows.filter((row) => !committed.has(row));
  }

  /** Drops rows beyond {@link MAX_WAITING}. @returns how many were dropped. */
  dropExcess(): number {
    const excess = Math.max(0, this.#rows.length - MAX_WAITING);
    let left = excess;
    for (const name of ROW_CLASSES.toReversed()) {
      this.#rows = this.#rows.filter(({ row }) => left === 0 || row.class !== name || left-- === 0);
    }
    return excess;
  }
}
