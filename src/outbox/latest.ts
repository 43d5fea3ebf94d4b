// The latest committed value of each channel, which a message tells beside its rows.
import type { WaitingRow } from './intake.ts';

export interface LatestValues {
  /** The highest row number that the values reflect. */
  readonly stateSeq: number;
  /** By channel, as JSON. */
  readonly values: ReadonlyMap<string, string>;
}

export class Latest implements LatestValues {
  readonly values = new Map<string, string>();
  stateSeq = 0;

  /** @param accepted the highest row number there is now. */
  committed(rows: readonly WaitingRow[], accepted: number): void {
    for (const { row } of rows) if ('channel' in row) this.values.set(row.channel, JSON.stringify(row.value));
    this.stateSeq = accepted;
  }
}
