// Limits how much the robot publishes: IoT Core's quota per second, and the monthly budget.
import type { Clock } from '../clock/index.ts';
import type { BudgetStatus } from '../status/index.ts';
import { METERING_STEP_BYTES } from '../wire/index.ts';

export interface QuotaLimits {
  /** Null means no limit, for brokers that throttle their clients instead of discarding messages. */
  readonly messagesPerSecond: number | null;
  readonly bytesPerSecond: number | null;
}

/**
 * A token bucket that holds one second's quota. IoT Core accepts 100 publishes and 512 KiB per second on a connection and silently discards
 * anything above that (docs.aws.amazon.com/general/latest/gr/iot-core.html), so the robot must stay below.
 */
export class Quota {
  readonly #limits: QuotaLimits;
  #messages: number;
  #bytes: number;
  #atMs: number;

  constructor(limits: QuotaLimits, nowMs: number) {
    this.#limits = limits;
    this.#messages = limits.messagesPerSecond ?? 0;
    this.#bytes = limits.bytesPerSecond ?? 0;
    this.#atMs = nowMs;
  }

  /** Returns the milliseconds until a message may be sent. Its size is not known yet, so sending it may overdraw the byte quota. */
  waitMs(nowMs: number): number {
    const seconds = (nowMs - this.#atMs) / 1000;
    this.#atMs = nowMs;
    const { messagesPerSecond, bytesPerSecond } = this.#limits;
    this.#messages = Math.min(messagesPerSecond ?? 0, this.#messages + seconds * (messagesPerSecond ?? 0));
    this.#bytes = Math.min(bytesPerSecond ?? 0, this.#bytes + seconds * (bytesPerSecond ?? 0));
    const forMessages = messagesPerSecond === null || this.#messages >= 1 ? 0 : ((1 - this.#messages) * 1000) / messagesPerSecond;
    const forBytes = bytesPerSecond === null || this.#bytes > 0 ? 0 : ((1 - this.#bytes) * 1000) / bytesPerSecond;
    return Math.ceil(Math.max(forMessages, forBytes));
  }

  spend(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
  }
}

export interface Spending {
  /** For example `2026-11`. In UTC, because IoT Core bills by UTC calendar month. */
  readonly month: string;
  readonly messages: number;
}

/** IoT Core's price per million messages in its first tier, in US dollars (aws.amazon.com/iot-core/pricing). */
const DOLLARS_PER_MILLION = 1;

/** The telemetry interval may double at most this many times, so telemetry never becomes more than 64 times slower. */
const MAX_DOUBLINGS = 6;

/** The share of the budget that may be spent ahead of time, so that a busy first hour of the month does not slow telemetry down. */
const AHEAD = 0.05;

/**
 * Returns how many messages IoT Core meters for one publish: the publish and its delivery to the cloud, each per started 5 KiB, and the
 * cloud's PUBACK. The same applies to a receipt, in the opposite direction.
 */
export function metered(bytes: number): number {
  return 2 * Math.max(1, Math.ceil(bytes / METERING_STEP_BYTES)) + 1;
}

/** Returns how much of the UTC calendar month has passed, from 0 to 1. */
export function monthPassed(wallMs: number): number {
  const now = new Date(wallMs);
  const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
  const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
  return (wallMs - start) / (end - start);
}

/** Returns the factor for the telemetry interval: 1, or a power of two if more has been spent than the passed part of the month allows. */
export function stretch(spent: number, budget: number, passed: number): number {
  const share = budget * Math.min(1, passed + AHEAD);
  if (spent <= share) return 1;
  return 2 ** Math.min(MAX_DOUBLINGS, Math.ceil(Math.log2(spent / share)));
}

/** Adds messages to the month's spending, which restarts from zero when the month changes. */
export function addSpending(spending: Spending, messages: number, wallMs: number): Spending {
  const month = new Date(wallMs).toISOString().slice(0, 7);
  return { month, messages: (spending.month === month ? spending.messages : 0) + messages };
}

/** Counts the month's metered messages, and stretches the telemetry interval if they exceed the budget. Alerts are never delayed. */
export class Budget {
  readonly #limit: number | null;
  #intervalMs: number;
  readonly #clock: Clock;
  #spending: Spending;

  /**
   * @param limit metered messages per month; null means no limit.
   * @param intervalMs the configured telemetry interval.
   * @param spending the count saved by the previous run.
   */
  constructor(limit: number | null, intervalMs: number, clock: Clock, spending: Spending) {
    this.#limit = limit;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#spending = spending;
  }

  /** Counts a published message, or a receipt. */
  spend(bytes: number): void {
    this.#spending = addSpending(this.#spending, metered(bytes), this.#clock.wall());
  }

  get spending(): Spending {
    return this.#spending;
  }

  /** Replaces the configured interval for the rest of this run. */
  setInterval(ms: number): void {
    this.#intervalMs = ms;
  }

  /** Returns the current telemetry interval, in milliseconds. */
  intervalMs(): number {
    const wallMs = this.#clock.wall();
    return this.#limit === null ? this.#intervalMs : this.#intervalMs * stretch(this.#spent(wallMs), this.#limit, monthPassed(wallMs));
  }

  status(): BudgetStatus {
    const wallMs = this.#clock.wall();
    const spent = this.#spent(wallMs);
    const forecast = Math.round(spent / Math.max(monthPassed(wallMs), 0.01));
    return {
      budget: this.#limit,
      spent,
      forecast,
      forecast_dollars: Number(((forecast * DOLLARS_PER_MILLION) / 1e6).toFixed(2)),
      interval_ms: this.intervalMs(),
    };
  }

  #spent(wallMs: number): number {
    return addSpending(this.#spending, 0, wallMs).messages;
  }
}
