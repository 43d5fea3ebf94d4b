// Limits the robot's messages: IoT Core's quota per second, and the month's budget. Pure, except for the clock of the budget.
import type { Clock } from '../clock/index.ts';
import type { BudgetStatus } from '../status/index.ts';
import { METERING_STEP_BYTES } from '../wire/index.ts';

export interface QuotaLimits {
  /** Null: no limit, for brokers that slow their clients down themselves. */
  readonly messagesPerSecond: number | null;
  readonly bytesPerSecond: number | null;
}

/**
 * A token bucket that holds one second's quota. IoT Core accepts 100 publishes and 512 KiB per second from a connection. It silently
 * discards messages above that (general/latest/gr/iot-core.html), so the robot stays below.
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

  /** @returns milliseconds until the next message is allowed. The size of the message is unknown here, so it may overdraw the bytes. */
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
  /** Such as `2026-11`. IoT Core bills by calendar month in UTC. */
  readonly month: string;
  readonly messages: number;
}

/** US dollars for a million messages in IoT Core's first tier (aws.amazon.com/iot-core/pricing). */
const DOLLARS_PER_MILLION = 1;

/** Telemetry slows down to 64 times its interval at most. */
const MAX_DOUBLINGS = 6;

/** The part of the budget that may be spent ahead, so that a busy first hour does not slow telemetry down. */
const AHEAD = 0.05;

/**
 * The metered messages of one publish. IoT Core meters in steps of 5 KiB, three times: the publish, its delivery to the cloud, and the
 * cloud's PUBACK. A receipt costs the same.
 */
export function metered(bytes: number): number {
  return 2 * Math.max(1, Math.ceil(bytes / METERING_STEP_BYTES)) + 1;
}

/** The elapsed part of the calendar month, from 0 to 1. */
export function monthPassed(wallMs: number): number {
  const now = new Date(wallMs);
  const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
  const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
  return (wallMs - start) / (end - start);
}

/** Factor of the telemetry interval: 1, or a power of two while spending is above the elapsed share of the budget. */
export function stretch(spent: number, budget: number, passed: number): number {
  const share = budget * Math.min(1, passed + AHEAD);
  if (spent <= share) return 1;
  return 2 ** Math.min(MAX_DOUBLINGS, Math.ceil(Math.log2(spent / share)));
}

/** Adds messages to the month's spending. A new month starts at zero. */
export function addSpending(spending: Spending, messages: number, wallMs: number): Spending {
  const month = new Date(wallMs).toISOString().slice(0, 7);
  return { month, messages: (spending.month === month ? spending.messages : 0) + messages };
}

/** Counts the month's metered messages. Over budget, it stretches the interval of telemetry; alerts are never delayed. */
export class Budget {
  readonly #limit: number | null;
  #intervalMs: number;
  readonly #clock: Clock;
  #spending: Spending;

  /**
   * @param limit metered messages per month; null: no limit.
   * @param intervalMs the configured interval of telemetry.
   * @param spending the count of earlier runs.
   */
  constructor(limit: number | null, intervalMs: number, clock: Clock, spending: Spending) {
    this.#limit = limit;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#spending = spending;
  }

  /** Counts a publish or a received receipt. */
  spend(bytes: number): void {
    this.#spending = addSpending(this.#spending, metered(bytes), this.#clock.wall());
  }

  get spending(): Spending {
    return this.#spending;
  }

  /** Replaces the configured interval until the next start. */
  setInterval(ms: number): void {
    this.#intervalMs = ms;
  }

  /** The present interval of telemetry, in milliseconds. */
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
