// Rows that have no number yet. They stay in memory until their commit, at the end of the running callback or of their group. Their
// number is bounded in case writing fails for long.
import type { Clock } from '../clock/index.ts';
import { encodeBody, type NewRow } from './rows.ts';

export interface WaitingRow {
  readonly row: NewRow;
  readonly body: string;
  readonly at: number;
  readonly mono: number;
  readonly trusted: boolean;
  readonly within: (() => void) | undefined;
}

/** Adds the text and the current times to a row, and a mark if the clock can't be trusted. */
export function stamped(row: NewRow, clock: Clock, within?: () => void): WaitingRow {
  const trusted = clock.trusted();
  const marked = trusted || !('channel' in row) ? row : { ...row, extra: { ...row.extra, clock: 'untrusted' as const } };
  return { row, body: encodeBody(marked), at: clock.wall(), mono: clock.mono(), trusted, within };
}

/** Rows that could not be committed are kept up to this many (some 5 MB); then the oldest telemetry is dropped, counted. */
const MAX_WAITING = 20_000;

export class Intake {
  readonly #commit: () => void;
  #rows: WaitingRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #soon = false;

  /** @param commit called when a commit is due; it never throws. */
  constructor(commit: () => void) {
    this.#commit = commit;
  }

  get rows(): readonly WaitingRow[] {
    return this.#rows;
  }

  add(row: WaitingRow): void {
    this.#rows.push(row);
  }

  /** A commit after the callback that is running: all samples of one ROS wake-up share it. */
  soon(): void {
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      if (this.#soon) this.#commit();
    });
  }

  /** A commit within `ms`, with all that comes until then. */
  within(ms: number): void {
    this.#timer ??= setTimeout(() => this.#commit(), ms).unref();
  }

  /** A commit begins: none is due any more. */
  begun(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#soon = false;
  }

  /** The first `n` rows are committed. */
  committed(n: number): void {
    this.#rows = this.#rows.slice(n);
  }

  /** @returns how many rows were dropped because too many wait. */
  shed(): number {
    const excess = Math.max(0, this.#rows.length - MAX_WAITING);
    for (let n = 0; n < excess; n++) {
      const oldest = this.#rows.findIndex(({ row }) => row.class === 'telemetry');
      this.#rows.splice(Math.max(0, oldest), 1);
    }
    return excess;
  }
}
