// What the outbox tells whoever counts: how long its transactions take, and how far an alert has come after how long.

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
