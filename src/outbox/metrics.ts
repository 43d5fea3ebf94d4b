// Measures the outbox: durations of transactions, latencies of alerts, and counters of rows.
import type { Clock } from '../clock/index.ts';
import type { EvictionReason } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';

/** The measured stages of an alert: from the stamp of the ROS message to the callback, to the commit, to the PUBACK, to the receipt. */
export const ALERT_HOPS = ['stamp', 'commit', 'puback', 'receipt'] as const;
export type AlertHop = (typeof ALERT_HOPS)[number];

export interface OutboxMetrics {
  /** Receives the duration of one transaction, which ends with an fsync. */
  commit(ms: number): void;
  /** Receives the latency of one alert. The hop `commit` is measured by monotonic time, the other hops by wall time. */
  alert(hop: AlertHop, ms: number): void;
}

/** Rows since the start. */
export interface RowCounts {
  readonly evictedBy: Readonly<Record<EvictionReason, number>>;
  /** Rows that a receipt of this start confirmed. */
  readonly confirmed: number;
  /** Rows that were dropped before their commit, because no write succeeded for too long. */
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

  /** @param times wall times of the alerts that reached this hop. */
  alertsReached(hop: 'puback' | 'receipt', times: readonly number[]): void {
    const now = this.#clock.wall();
    for (const at of times) this.#metrics?.alert(hop, now - at);
  }
}
