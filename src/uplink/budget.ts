// The cost of the month's messages, counted as IoT Core meters: in steps of 5 KiB, and three for each publish that our cloud takes
// (in, out to the cloud, the cloud's PUBACK) as for each receipt. While the month's share is overspent the interval of telemetry
// doubles; alerts are never held back.
import type { Clock } from '../clock/index.ts';
import type { BudgetStatus } from '../status/index.ts';
import { METERING_STEP_BYTES } from '../wire/index.ts';

export interface Spending {
  /** `2026-11`: messages are billed by calendar month, UTC. */
  readonly month: string;
  readonly messages: number;
}

/** IoT Core, first tier, US dollars a million messages (aws.amazon.com/iot-core/pricing). */
const DOLLARS_A_MILLION = 1;

/** The longest telemetry is stretched: 64 times its interval. */
const MAX_DOUBLINGS = 6;

/** A share of the month's budget that may be spent ahead, so that a busy first hour does not slow the robot down. */
const AHEAD = 0.05;

/** Metered messages of one publish of so many bytes that the cloud receives and acknowledges. */
export function metered(bytes: number): number {
  return 2 * Math.max(1, Math.ceil(bytes / METERING_STEP_BYTES)) + 1;
}

export function monthOf(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 7);
}

/** How much of its calendar month has passed, 0 to 1. */
export function monthPassed(wallMs: number): number {
  const now = new Date(wallMs);
  const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
  const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
  return (wallMs - start) / (end - start);
}

/** Factor of the telemetry interval: 1, or a power of two while the month's share is overspent. */
export function stretch(spent: number, budget: number, passed: number): number {
  const share = budget * Math.min(1, passed + AHEAD);
  if (spent <= share) return 1;
  return 2 ** Math.min(MAX_DOUBLINGS, Math.ceil(Math.log2(spent / share)));
}

/** Messages of the whole month at this rate. */
function forecast(spent: number, passed: number): number {
  return Math.round(spent / Math.max(passed, 0.01));
}

/** Adds to the month's spending; a new month starts at nothing. */
export function addSpending(spending: Spending, messages: number, wallMs: number): Spending {
  const month = monthOf(wallMs);
  return { month, messages: (spending.month === month ? spending.messages : 0) + messages };
}

/** The running account of one robot. */
export class Budget {
  readonly #limit: number | null;
  #intervalMs: number;
  readonly #clock: Clock;
  #spending: Spending;

  /**
   * @param limit metered messages a month; null: none is set.
   * @param intervalMs the configured interval of telemetry.
   * @param spending what an earlier run wrote down.
   */
  constructor(limit: number | null, intervalMs: number, clock: Clock, spending: Spending) {
    this.#limit = limit;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#spending = spending;
  }

  /** A publish of ours, or a receipt to us, of so many bytes. */
  spend(bytes: number): void {
    this.#spending = addSpending(this.#spending, metered(bytes), this.#clock.wall());
  }

  get spending(): Spending {
    return this.#spending;
  }

  /** Another interval of telemetry, in milliseconds, until the next start. */
  setInterval(ms: number): void {
    this.#intervalMs = ms;
  }

  /** The present interval of telemetry, in milliseconds. */
  intervalMs(): number {
    return this.#limit === null
      ? this.#intervalMs
      : this.#intervalMs * stretch(this.#spent(), this.#limit, monthPassed(this.#clock.wall()));
  }

  status(): BudgetStatus {
    const expected = forecast(this.#spent(), monthPassed(this.#clock.wall()));
    return {
      budget: this.#limit,
      spent: this.#spent(),
      forecast: expected,
      forecast_dollars: Number(((expected * DOLLARS_A_MILLION) / 1e6).toFixed(2)),
      interval_ms: this.intervalMs(),
    };
  }

  #spent(): number {
    return addSpending(this.#spending, 0, this.#clock.wall()).messages;
  }
}
