// Metrics of the outbox: durations of transactions, latencies of alerts, and counters of rows.
import type { Clock } from '../clock/index.ts';
import type { EvictionReason } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';

/** Stations of an alert: message stamp to callback, then to commit, to the broker's PUBACK, to the cloud's receipt. */
export const ALERT_HOPS = ['stamp', 'commit', 'puback', 'receipt'] as const;
export type AlertHop = (typeof ALERT_HOPS)[number];

export interface OutboxMetrics {
  /** Duration of one transaction, which ends with an fsync. */
  commit(ms: number): void;
  /** Latency of one alert, by the wall clock of its row if the row is older than this start. */
  alert(hop: AlertHop, ms: number): void;
}

export const NO_METRICS: OutboxMetrics = { commit: () => {}, alert: () => {} };

/** Rows since the start. */
export interface RowCounts {
  /** Evicted, by the reason that the cloud was told. */
  readonly evictedBy: Readonly<Record<EvictionReason, number>>;
  /** A receipt of this start said that they are in the cloud's database. */
  readonly confirmed: number;
  /** Dropped before they had a number, because nothing could be written for too long. */
  readonly dropped: number;
}

export class Counters implements RowCounts {
  readonly evictedBy: Record<EvictionReason, number> = { age: 0, space: 0, poison: 0, released: 0 };
  confirmed = 0;
  dropped = 0;
  readonly #metrics: OutboxMetrics;
  readonly #clock: Clock;

  constructor(metrics: OutboxMetrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  committed(rows: readonly WaitingRow[]): void {
    const now = this.#clock.mono();
    for (const { row, at, mono } of rows) {
      if (row.class !== 'alert') continue;
      if (row.extra?.stamp !== undefined) this.#metrics.alert('stamp', at - row.extra.stamp);
      this.#metrics.alert('commit', now - mono);
    }
  }

  /** @param times wall times of the alerts that reached this hop. */
  alertsReached(hop: 'puback' | 'receipt', times: readonly number[]): void {
    const now = this.#clock.wall();
    for (const at of times) this.#metrics.alert(hop, now - at);
  }
}
