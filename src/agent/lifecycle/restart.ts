// Defines the facts that pass from one agent to the next in the same process.
import type { WaitingRow } from '../../outbox/index.ts';
import type { ReturnPace } from '../storage/returnPace.ts';

/** The things that an agent takes over from the previous one in its process. */
export interface Inherited extends Restart {
  /** Rows that the previous agent could not write to its database. */
  readonly unwritten: readonly WaitingRow[];
  /** Whether there was a previous agent. It may have been unable to record that it stopped. */
  readonly isRestart: boolean;
  readonly pace: ReturnPace;
}

export interface Restart {
  /** Why the next agent must use the stand-in of the state directory; undefined if it must try the state directory. */
  readonly failure: string | undefined;
  /** Describes files of the state that were deleted or replaced. */
  readonly lost?: string | undefined;
}
