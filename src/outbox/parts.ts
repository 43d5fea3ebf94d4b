// The parts of one opened outbox. open.ts creates them; the outbox, its writer and its evictions share them.
import type { Clock } from '../clock/index.ts';
import type { Lifetime } from '../state/index.ts';
import type { WaitingRow } from './intake.ts';
import type { Ledger } from './ledger.ts';
import type { Counters } from './metrics.ts';
import type { Space } from './space.ts';
import type { Store } from './store.ts';

export interface Parts {
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly counters: Counters;
  readonly space: Space;
  readonly commits: Commits;
  /** Telemetry is committed in groups of this length, in milliseconds. */
  readonly groupMs: number;
  readonly onTrouble: (error: Error | undefined) => void;
  /** The robot's total running time, in milliseconds. */
  readonly ranMs: () => number;
}

/** The state of all channels that a message carries beside its rows. */
export interface LatestValues {
  /** The highest row number that the values include. */
  readonly stateSeq: number;
  /** The latest committed value of each channel, as JSON. */
  readonly values: ReadonlyMap<string, string>;
}

/** Follows the commits: keeps the latest values and wakes the reader of the outbox. */
export class Commits implements LatestValues {
  readonly values = new Map<string, string>();
  stateSeq = 0;
  /** The reader of the outbox sets this when it starts. The call carries no data. */
  wake: () => void = () => {};
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** The caller must call this after each commit that added rows. */
  added(rows: readonly WaitingRow[]): void {
    for (const { row } of rows) if ('channel' in row) this.values.set(row.channel, JSON.stringify(row.value));
    this.stateSeq = this.#ledger.outboxes.open.accepted;
    this.wake();
  }
}
