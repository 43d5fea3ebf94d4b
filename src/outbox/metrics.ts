// Collects the outbox's metrics: transaction durations, alert latencies and row counts.
import type { Clock } from '../clock/index.ts';
import type { EvictionReason } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';

/** `stamp` runs from the ROS message's stamp to the row's acceptance; the others run from acceptance to the commit, PUBACK or receipt. */
export const ALERT_HOPS = ['stamp', 'commit', 'puback', 'receipt'] as const;
export type AlertHop = (typeof ALERT_HOPS)[number];

export interface OutboxMetrics {
  /** Reports how long a transaction took, including its fsync. */
  commit(ms: number): void;
  /** Reports an alert's latency. `commit` is measured in monotonic time and the other hops in wall time. */
  alert(hop: AlertHop, ms: number): void;
}

/** Row counts since startup. */
export interface RowCounts {
  readonly evictedBy: Readonly<Record<EvictionReason, number>>;
  /** Rows that receipts have confirmed in this run. */
  readonly confirmed: number;
  /** Rows that were dropped before they could be committed, because writes kept failing. */
  readonly dropped: number;
}

export class Counters implements RowCounts {
  readonly evictedBy: Record<EvictionReason, number> = { age: 0, space: 0, poison: 0, released: 0 };
  confirmed = 0;
  dropped = 0;
  readonly #metrics: OutboxMetrics | undefined;
  readonly #clock: Clock;

  constructor(metrics: OutboxMetrics | undefined, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  committed(rows: readonly WaitingRow[]): void {
    const now = this.#clock.mono();
    for (const { row, at, mono } of rows) {
      if (row.class !== 'alert') continue;
      if (row.extra?.stamp !== undefined) this.#metrics?.alert('stamp', at - row.extra.stamp);
      this.#metrics?.alert('commit', now - mono);
    }
  }

  /** @param times wall times at which the alerts were accepted. */
  alertsReached(hop: 'puback' | 'receipt', times: readonly number[]): void {
    const now = this.#clock.wall();
    for (const at of times) this.#metrics?.alert(hop, now - at);
  }
}
