// Keeps new rows in memory until their commit and schedules that commit. The number of waiting rows is bounded, in case no write
// succeeds for a long time.
import type { Clock } from '../clock/index.ts';
import { encodeBody, type NewRow } from './rows.ts';

export interface WaitingRow {
  readonly row: NewRow;
  readonly body: string;
  readonly at: number;
  readonly mono: number;
  readonly trusted: boolean;
  /** Runs inside the transaction of the row. */
  readonly within: (() => void) | undefined;
}

/** Adds the text and the current times to a row. A reading is marked if the wall clock is not trusted. */
export function stamped(row: NewRow, clock: Clock, within?: () => void): WaitingRow {
  const trusted = clock.trusted();
  const marked = trusted || !('channel' in row) ? row : { ...row, extra: { ...row.extra, clock: 'untrusted' as const } };
  return { row, body: encodeBody(marked), at: clock.wall(), mono: clock.mono(), trusted, within };
}

/** At most this many rows (about 5 MB) wait for a commit. Beyond that, the oldest telemetry is dropped and counted. */
const MAX_WAITING = 20_000;

export class Intake {
  readonly #commit: () => void;
  #rows: WaitingRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isSoon = false;

  /** @param commit is called when a commit is due; it never throws. */
  constructor(commit: () => void) {
    this.#commit = commit;
  }

  get rows(): readonly WaitingRow[] {
    return this.#rows;
  }

  add(row: WaitingRow): void {
    this.#rows.push(row);
  }

  /** Schedules a commit after the running callback: all samples of one ROS wake-up share it. */
  commitSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    queueMicrotask(() => {
      if (this.#isSoon) this.#commit();
    });
  }

  /** Schedules a commit in `ms` at the latest. It includes all rows that arrive before it. */
  commitWithin(ms: number): void {
    this.#timer ??= setTimeout(() => this.#commit(), ms).unref();
  }

  /** Cancels the scheduled commits. Each commit does this when it begins. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isSoon = false;
  }

  /** Removes the first `n` rows after their commit. */
  removeCommitted(n: number): void {
    this.#rows = this.#rows.slice(n);
  }

  /** @returns the number of rows that were dropped because too many rows wait. */
  dropExcess(): number {
    const excess = Math.max(0, this.#rows.length - MAX_WAITING);
    for (let n = 0; n < excess; n++) {
      const oldest = this.#rows.findIndex(({ row }) => row.class === 'telemetry');
      this.#rows.splice(Math.max(0, oldest), 1);
    }
    return excess;
  }
}
