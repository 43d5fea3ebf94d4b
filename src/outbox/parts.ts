// The parts of one opened outbox. open.ts builds them; the outbox, its receipts and its maintenance share them.
import type { Clock } from '../clock/index.ts';
import type { Lifetime } from '../state/index.ts';
import type { Evictor } from './eviction.ts';
import type { WaitingRow } from './intake.ts';
import type { LatestValues } from './latest.ts';
import type { Ledger } from './ledger.ts';
import type { Counters } from './metrics.ts';
import type { Space } from './space.ts';
import type { Store } from './store.ts';
import type { Trouble } from './trouble.ts';
import type { Writer } from './writer.ts';

export interface Parts {
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly counters: Counters;
  readonly evictor: Evictor;
  readonly space: Space;
  readonly trouble: Trouble;
  readonly writer: Writer;
  readonly latest: LatestValues;
  readonly commits: Commits;
  /** To be called after each commit that added rows. */
  readonly onCommitted: (rows: readonly WaitingRow[]) => void;
  /** The robot's total running time, in milliseconds. */
  readonly ranMs: () => number;
}

export interface Commits {
  /** Carries no data. Set by the reader of the outbox once it runs. */
  wake: () => void;
}
