// The components of an open outbox. open.ts creates them, and outbox.ts, writer.ts and eviction.ts share them.
import type { Clock } from '../clock/index.ts';
import type { Lifetime } from '../state/index.ts';
import type { Declarations } from './declarations.ts';
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
  readonly declarations: Declarations;
  /** How long telemetry may wait so that rows are committed in groups, in milliseconds. */
  readonly groupMs: number;
  /** Whether the file is in memory only. */
  readonly isVolatile: boolean;
  readonly onTrouble: (error: Error | undefined) => void;
  /** Returns the agent's running time over all runs, in milliseconds. */
  readonly ranMs: () => number;
}

/** The latest value of every channel, which telemetry messages carry in addition to their rows. */
export interface LatestValues {
  /** The number of the last row that the values take into account. */
  readonly stateSeq: number;
  /** The latest committed value of each channel, encoded as JSON. */
  readonly values: ReadonlyMap<string, string>;
}

/** Updates the latest values after each commit and wakes the pump. */
export class Commits implements LatestValues {
  readonly values = new Map<string, string>();
  stateSeq = 0;
  /** Wakes the pump. Set through {@link Outbox.wakeOn}. */
  wake: () => void = () => {};
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Must be called after each commit that adds rows. */
  added(rows: readonly WaitingRow[]): void {
    for (const { row } of rows) if ('channel' in row) this.values.set(row.channel, JSON.stringify(row.value));
    this.stateSeq = this.#ledger.outboxes.open.accepted;
    this.wake();
  }
}
