// What the outbox tells whoever counts: how long its transactions take, and how far an alert has come after how long.
import type { Clock } from '../clock/index.ts';
import type { EvictionReason } from '../wire/index.ts';
import type { WaitingRow } from './intake.ts';

/** From the message's stamp to its callback; from there to the commit, the broker's acknowledgement, the cloud's receipt. */
export const ALERT_HOPS = ['stamp', 'commit', 'puback', 'receipt'] as const;
export type AlertHop = (typeof ALERT_HOPS)[number];

export interface OutboxFigures {
  /** One transaction, which ends with an fsync. */
  commit(ms: number): void;
  /** One alert, by the wall clock of its row where the row is older than this start. */
  alert(hop: AlertHop, ms: number): void;
}

export const UNCOUNTED: OutboxFigures = { commit: () => {}, alert: () => {} };

/** What happened to rows since the start, counted. */
export class Counts {
  readonly evictedBy: Record<EvictionReason, number> = { age: 0, space: 0, poison: 0, released: 0 };
  /** Rows that a receipt said to be in the cloud's database. */
  confirmed = 0;
  /** Rows dropped before they had a number, because nothing could be written for too long. */
  dropped = 0;
  readonly #figures: OutboxFigures;
  readonly #clock: Clock;

  constructor(figures: OutboxFigures, clock: Clock) {
    this.#figures = figures;
    this.#clock = clock;
  }

  committed(rows: readonly WaitingRow[]): void {
    const now = this.#clock.mono();
    for (const { row, at, mono } of rows) {
      if (row.class !== 'alert') continue;
      if (row.extra?.stamp !== undefined) this.#figures.alert('stamp', at - row.extra.stamp);
      this.#figures.alert('commit', now - mono);
    }
  }

  /** @param times wall times of the alerts that came so far. */
  alertsCame(hop: 'puback' | 'receipt', times: readonly number[]): void {
    const now = this.#clock.wall();
    for (const at of times) this.#figures.alert(hop, now - at);
  }
}
